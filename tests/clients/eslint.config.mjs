// The rules that the schema keeps, by graphql-eslint: node node_modules/eslint/bin/eslint.js build/schema.graphql
import { readFileSync } from "node:fs";
import graphql from "@graphql-eslint/eslint-plugin";

const schema = readFileSync(new URL(process.env.SCHEMA ?? "build/schema.graphql", import.meta.url), "utf8");
const { "flat/schema-recommended": recommended, "flat/schema-relay": relay } = graphql.configs;

export default [
  { ignores: ["!build/"] },
  {
    files: ["**/*.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...recommended.rules,
      ...relay.rules,
      // Whoever reads the schema in an editor reads what each thing is for, down to the values of an enum.
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          // A directive's own sentence says what its arguments are; Strawberry prints no others.
          ignoredSelectors: ["DirectiveDefinition > InputValueDefinition"],
        },
      ],
      // What a page of a list holds can be read again by its id. Short lists that never grow are plain lists.
      "@graphql-eslint/relay-edge-types": [
        "error",
        { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
      ],
      // One field that fails leaves the rest of the answer whole.
      "@graphql-eslint/require-nullable-result-in-root": "error",
      "@graphql-eslint/require-nullable-fields-with-oneof": "error",
      // Left out, of what the plugin calls recommended: an id for each type. Refusals, edges, money and results are
      // values. What has an identity implements Node, and tests/test_nodes.py holds each of them to it.
      "@graphql-eslint/strict-id-in-types": "off",
      // Not taken in, of what it has besides: `alphabetize` (fields stand in the order in which they are read),
      // `input-name` (the contract names arguments), `no-scalar-result-type-on-mutation` (`logout: Boolean`, by the
      // contract), `require-field-of-type-query-in-mutation-result` (a second request asks for what is wanted next),
      // `no-root-type` (there are mutations and subscriptions) and `require-deprecation-date` (nothing is removed).
    },
  },
];
