// Changes of a form. Each returns a new group and leaves the old one as it was.
import type { Group, Part } from "./model.ts";

/** replace puts another part in the place of the one with its id. */
export function replace(group: Group, part: Part): Group {
  if (group.id === part.id && part.kind === "group") return part;
  return { ...group, parts: group.parts.map((p) => (p.id === part.id ? part : p.kind === "group" ? replace(p, part) : p)) };
}

/** remove takes a part out, wherever it stands. */
export function remove(group: Group, id: number): Group {
  return { ...group, parts: group.parts.filter((p) => p.id !== id).map((p) => (p.kind === "group" ? remove(p, id) : p)) };
}

/** add puts a part at the end of the group with an id. */
export function add(group: Group, to: number, part: Part): Group {
  if (group.id === to) return { ...group, parts: [...group.parts, part] };
  return { ...group, parts: group.parts.map((p) => (p.kind === "group" ? add(p, to, part) : p)) };
}

/** move puts a part by one place up (-1) or down (+1) among its neighbours. */
export function move(group: Group, id: number, by: -1 | 1): Group {
  const at = group.parts.findIndex((p) => p.id === id);
  const to = at + by;
  if (at < 0) return { ...group, parts: group.parts.map((p) => (p.kind === "group" ? move(p, id, by) : p)) };
  if (to < 0 || to >= group.parts.length) return group;
  const parts = [...group.parts];
  [parts[at], parts[to]] = [parts[to]!, parts[at]!];
  return { ...group, parts };
}

/** parts are all that stand in a group, at any depth. */
export function all(group: Group): Part[] {
  return group.parts.flatMap((p) => (p.kind === "group" ? [p, ...all(p)] : [p]));
}
