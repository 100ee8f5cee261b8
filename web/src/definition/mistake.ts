import type { Place } from "../api/types.ts";

/** extent is where in a text a mistake begins and ends, in characters as JavaScript counts them. */
export function extent(text: string, at: Place): { from: number; to: number } {
  const before = new TextEncoder().encode(text).slice(0, at.offset ?? 0);
  const from = new TextDecoder().decode(before).length;
  const found = unquoted(at.found ?? "");
  return { from, to: from + (text.startsWith(found, from) ? found.length : 0) };
}

function unquoted(found: string): string {
  try {
    return String(JSON.parse(found));
  } catch {
    return ""; // words about what was found, such as: the end
  }
}
