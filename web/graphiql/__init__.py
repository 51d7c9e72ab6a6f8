"""GraphiQL with its explorer, for the browsers of developers: the page, and the build of its frontend."""
