"""The oracle: proof that the compiled executor does what graphql-core does, in the same order, to the tick."""
