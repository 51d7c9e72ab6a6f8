// The tour in Node.
import { WebSocket } from "ws";
import { run } from "./tour";
import { complaints, tell } from "./world";

const [, , name = "", url = "", picture = ""] = process.argv;
const complained = complaints();
const seen = await run(name, url, picture, `${name}@example.com`, WebSocket);
tell({ ...seen, complained });
