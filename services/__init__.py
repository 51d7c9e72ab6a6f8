"""What happens: modules of async functions, one a noun, whose first argument is the app. They decide and write."""
