const longest = 64;

/** slug makes a segment's id of its name, one that is not taken. */
export function slug(name: string, taken: Iterable<string>): string {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, longest);
  const base = plain || "segment";
  const known = new Set(taken);
  if (!known.has(base)) return base;
  for (let n = 2; ; n++) {
    const end = `-${n}`;
    const id = base.slice(0, longest - end.length) + end;
    if (!known.has(id)) return id;
  }
}
