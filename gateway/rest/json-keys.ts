/** Two keys of one name in a JSON object (RFC 8259, 4): which one was meant is not for us to guess. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** @param json valid JSON. Answers the first key that stands twice in one object, or null. */
export function repeatedKey(json: string): string | null {
  const open: Set<string>[] = [];
  let last = '';
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      // Written in different ways it may be the same name.
      const key = JSON.parse(last) as string;
      if (open.at(-1)?.has(key) === true) return key;
      open.at(-1)?.add(key);
    }
    last = token;
  }
  return null;
}
