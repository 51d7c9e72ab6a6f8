"""Python source of values, lists and selections."""
