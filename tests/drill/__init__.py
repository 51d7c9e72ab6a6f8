"""The fault drill: `make drill`. Each part is broken in turn under load, and a ledger says what that did."""
