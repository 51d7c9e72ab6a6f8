// The audits of graphql-http, against the address that is given: a list of what each found.
import { auditServer } from 'graphql-http';

const found = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(found.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
