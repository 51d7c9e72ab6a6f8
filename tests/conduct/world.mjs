// What the scripts of this folder share: where the server is, who is signed in, and what they ask.
export const [url, ...tokens] = process.argv.slice(2);
export const COUNTDOWN = 'subscription { trialCountdown { secondsLeft } }';
export const TYPENAME = '{ __typename }';
export const LOGOUT = 'mutation { logout }';

export const bearer = (token) => ({ Authorization: `Bearer ${token}` });

export async function ask(query, token) {
  const headers = { 'content-type': 'application/json', ...(token ? bearer(token) : {}) };
  return (await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })).json();
}

// Whether seconds count down, and never up.
export const counts = (seconds) => seconds.every((value, at) => at === 0 || value < seconds[at - 1]);

// The first answers to a request of a client that has `subscribe`, or all of them where no number is given.
export function answers(client, query, most = Infinity) {
  return new Promise((resolve) => {
    const found = { next: [] };
    const leave = client.subscribe(
      { query },
      {
        next(answer) {
          // What was on its way when the client left may still come.
          if (found.next.length < most && found.next.push(answer) === most) {
            leave();
          }
        },
        error(error) {
          resolve({ ...found, error });
        },
        complete() {
          resolve({ ...found, complete: true });
        },
      },
    );
  });
}

export const seconds = (found) => found.next.map((answer) => answer.data.trialCountdown.secondsLeft);
export const codes = (errors) => errors.map((error) => error.extensions.code);

// Runs each check by its name and prints what it found.
export async function report(checks) {
  const found = {};
  for (const [name, check] of Object.entries(checks)) {
    try {
      found[name] = await check();
    } catch (error) {
      found[name] = `threw ${error?.stack ?? error}`;
    }
  }
  console.log(JSON.stringify(found));
  process.exit(0);
}
