// One conversation, held by each client with a running server: what it saw is told at the end.
import { WebSocket } from "ws";
import { openApp } from "./apps";
import { Session } from "./build/session";
import { openSocket } from "./build/socket";
import { openStreams } from "./build/streams";
import { complaints, eavesdropping, impatience, tell, world } from "./world";

const [, , name = "", url = "", picture = "", transport = ""] = process.argv;
const PASSWORD = "correct horse battery staple";
const input = { email: `${name}@example.com`, password: PASSWORD };

const complained = complaints();
const heard = eavesdropping();
const waited = impatience();
const session = new Session(url);
const socket = transport === "streams" ? openStreams(session) : openSocket(session, WebSocket);
const app = openApp(name, session, socket);
const seen: Record<string, unknown> = {};
let follows = 0;

/** Someone else's request, with another client. */
async function aside(query: string): Promise<void> {
  const headers = { "Content-Type": "application/json", ...session.headers };
  await (await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) })).json();
}

/** Ticks until there are two, a second of the server's apart. */
async function twoTicks(): Promise<number[]> {
  const ticks: number[] = [];
  follows += 1;
  await new Promise<void>((resolve, reject) => {
    const stop = app.countdown(
      (secondsLeft) => {
        ticks.push(secondsLeft);
        if (ticks.length === 1) void world("second");
        else (stop(), resolve());
      },
      () => ticks.length < 2 && reject(new Error("The countdown ended.")),
    );
  });
  return ticks;
}

/** What was waited for, and how often tokens were renewed, since the last look. */
function since(): { waited: number[]; refreshed: number } {
  const refreshed = heard.splice(0).filter((body) => body.includes("RefreshSession(")).length;
  return { waited: waited.splice(0), refreshed };
}

seen.signUp = await app.signUp(input);
seen.again = await app.signUp(input);
seen.weak = await app.signUp({ ...input, email: `weak.${name}@example.com`, password: "short" });
seen.whoAmI = await app.whoAmI();
seen.rename = await app.rename("Ada");
seen.staffPage = await app.staffPage();
const image = new Blob([Buffer.from(picture, "base64")], { type: "image/jpeg" });
seen.showPicture = await app.showPicture(image, "Baking bread");
seen.ticks = await twoTicks();

for (let count = 0; count < 4; count += 1) {
  await aside(`mutation { login(input: { email: "${input.email}", password: "${PASSWORD}" }) { __typename } }`);
}
const before = heard.length;
const sessions = await app.allSessions();
seen.pages = heard.length - before;
seen.sessions = new Set(sessions).size;
seen.current = (await Promise.all(sessions.map((id) => app.sessionAgain(id)))).filter(Boolean).length;
seen.calm = since().refreshed;

await world("expire");
seen.together = await Promise.all([app.whoAmI(), app.rename("Grace"), app.staffPage(), app.allSessions()]).then(
  ([who, renamed, staff, all]) => [who, renamed, staff, all.length],
);
seen.expired = since();

await world("limit");
seen.limited = [await app.rename("Ada"), since()];
await world("refuse");
seen.refused = [await app.whoAmI(), since()];
await world("busy");
seen.busy = [await app.whoAmI(), since()];
await world("busy");
seen.notRepeated = [await app.rename("Ada").catch(() => "an error"), since()];

await world("expire");
socket.terminate?.();
seen.ticksAfterwards = (await twoTicks()).length;
seen.reopened = since().refreshed;

seen.ended = await new Promise<string>((resolve) => {
  app.countdown(
    () => void aside("mutation { logout }"),
    () => resolve("over"),
  );
});
seen.nobody = (await app.whoAmI().catch(() => undefined)) ?? "nobody";
seen.tokens = session.tokens;
seen.complained = complained;
tell(seen);
