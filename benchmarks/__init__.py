"""How fast Porchlight is, measured from outside: `make bench`."""
