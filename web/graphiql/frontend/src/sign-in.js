// The token of the last sign-in, kept for as long as this browser tab lives and sent nowhere but to Porchlight.
import { useSyncExternalStore } from 'react';

const KEY = 'porchlight:sign-in';
const listeners = new Set();

/** `{email, token}` of the last sign-in, or null; `email` is null when the answer did not tell it. */
export function useSignIn() {
  const kept = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => sessionStorage.getItem(KEY),
  );
  return kept && JSON.parse(kept);
}

/** Keep the token that an answer to `variables` carries, if it does: register, login and refreshSession. */
export function noticeSignIn(answer, variables) {
  const result = Object.values(answer?.data ?? {}).find((field) => field?.tokens?.accessToken);
  if (!result) {
    return;
  }
  // A refreshed session is that of whoever signed in before.
  const before = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')?.email;
  const email = result.user?.email ?? variables?.input?.email ?? before ?? null;
  sessionStorage.setItem(KEY, JSON.stringify({ email, token: result.tokens.accessToken }));
  listeners.forEach((listener) => listener());
}

/** A header editor's text as an object; null while it is no JSON object. */
export function headersIn(text) {
  try {
    const headers = JSON.parse(text?.trim() || '{}');
    return typeof headers === 'object' && !Array.isArray(headers) ? headers : null;
  } catch {
    return null;
  }
}

/** The text of a header editor with `token` for authorization; what else it says stays. */
export function withToken(text, token) {
  const kept = Object.entries(headersIn(text) ?? {}).filter(([name]) => name.toLowerCase() !== 'authorization');
  return JSON.stringify({ ...Object.fromEntries(kept), Authorization: `Bearer ${token}` }, null, 2);
}

/** The value of the authorization header, however it is spelled. */
export function authorization(headers) {
  return Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
}
