"""How Porchlight is run elsewhere: files for other programs, and the Python that writes some of them."""
