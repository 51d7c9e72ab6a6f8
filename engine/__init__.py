"""Compiled GraphQL execution: documents to Python code. Knows graphql-core and Strawberry, nothing of ours."""
