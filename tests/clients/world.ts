// What a conversation asks of the test that runs it, and what it tells: one line each, over standard input and output.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Let something happen on the other side; resolves once it has. */
export async function world(wish: string): Promise<void> {
  process.stdout.write(`${wish}\n`);
  await lines.next();
}

/** The last word: what was seen. */
export function tell(seen: object): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));
}

/** Long waits of a client end at once; how many seconds they would have taken is noted. */
export function impatience(): number[] {
  const waited: number[] = [];
  const patient = globalThis.setTimeout;
  const hasty = (run: () => void, milliseconds = 0, ...more: []) => {
    const ofFetch = new Error().stack?.split("\n")[2]?.includes("undici");
    if (milliseconds < 900 || ofFetch) return patient(run, milliseconds, ...more);
    waited.push(milliseconds / 1000);
    return patient(run, 0, ...more);
  };
  globalThis.setTimeout = Object.assign(hasty, patient) as typeof setTimeout;
  return waited;
}

/** What clients complain of in the console. */
export function complaints(): string[] {
  const told: string[] = [];
  console.warn = console.error = (...words: unknown[]) => void told.push(words.map(String).join(" "));
  return told;
}

/** The bodies of all requests, as text where they are text. */
export function eavesdropping(): string[] {
  const heard: string[] = [];
  const quiet = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    heard.push(typeof init?.body === "string" ? init.body : "a form");
    return quiet(input, init);
  };
  return heard;
}
