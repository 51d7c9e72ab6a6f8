"""What we need from outside, one port a file: Protocol, variants, `open_x(url)`. Only here a vendor's SDK is named."""
