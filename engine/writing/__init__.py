"""Python source: values, lists and selections. `{0}` stands for a value and `{1}` for its path."""
