import type { ComponentChildren } from "preact";
import { add, move, remove, replace } from "../definition/edit.ts";
import { newGroup, type Group, type Part } from "../definition/model.ts";
import { AddMenu } from "./addmenu.tsx";
import { CriterionRow, Select } from "./criterion.tsx";
import type { Draft } from "./draft.ts";
import { matchNames } from "./words.ts";

export interface Editing {
  draft: Draft;
  segment: string; // that is edited; empty: a new one
  added: { id: number }; // the part that was added last
}

/** GroupEditor shows how a group's parts are combined, and them. */
export function GroupEditor({ group, editing, isRoot }: { group: Group; editing: Editing; isRoot?: boolean }) {
  const change = (f: (root: Group) => Group) => changeRoot(editing.draft, f);
  const addPart = (part: Part) => {
    editing.added.id = part.id;
    change((root) => add(root, group.id, part));
  };
  return (
    <div class={isRoot ? "group root" : "group"} role="group" aria-label={`Contacts who match ${matchNames[group.match]}`}>
      {(group.parts.length > 1 || !isRoot || group.match !== "all") && (
        <p class="match">
          <span>{isRoot ? "Contacts who match" : "match"}</span>
          <Select label="How the conditions are combined" value={group.match} options={matchNames} onChange={(match) => change((root) => replace(root, { ...group, match }))} />
        </p>
      )}
      <ul class="parts">
        {group.parts.map((part, i) => (
          <PartEditor key={part.id} part={part} editing={editing} first={i === 0} last={i === group.parts.length - 1} />
        ))}
      </ul>
      <AddMenu onCriterion={addPart} onGroup={() => addPart(newGroup(group.match === "all" ? "any" : "all"))} inGroup={!isRoot} />
    </div>
  );
}

export function changeRoot(draft: Draft, f: (root: Group) => Group): void {
  const form = draft.form.value;
  draft.setForm({ ...form, root: f(form.root) });
}

function PartEditor({ part, editing, first, last }: { part: Part; editing: Editing; first: boolean; last: boolean }) {
  const { draft } = editing;
  const change = (f: (root: Group) => Group) => changeRoot(draft, f);
  const wrong = draft.wrong.value === part.id;
  const incomplete = draft.incomplete.value.has(part.id);
  return (
    <li class={wrong ? "part wrong" : "part"}>
      <div class="what">
        {part.kind === "group" ? (
          <GroupEditor group={part} editing={editing} />
        ) : (
          <CriterionRow
            criterion={part}
            onChange={(c) => change((root) => replace(root, c))}
            editing={editing.segment}
            invalid={wrong}
            isNew={editing.added.id === part.id}
          />
        )}
        {wrong && <p class="error">{complaint(draft)}</p>}
        {incomplete && <p class="hint">Left out of the count until it is filled in.</p>}
      </div>
      <div class="handles">
        <Handle label="Move up" disabled={first} onClick={() => change((root) => move(root, part.id, -1))}>
          ↑
        </Handle>
        <Handle label="Move down" disabled={last} onClick={() => change((root) => move(root, part.id, 1))}>
          ↓
        </Handle>
        <Handle label={part.kind === "group" ? "Remove the group" : "Remove the condition"} onClick={(e) => (focusAdd(e), change((root) => remove(root, part.id)))}>
          ×
        </Handle>
      </div>
    </li>
  );
}

/** focusAdd keeps the focus in the group that a part is taken out of. */
function focusAdd(e: Event): void {
  const group = (e.currentTarget as Element).closest(".group");
  group?.querySelector<HTMLElement>(":scope > .add > button")?.focus();
}

/** complaint is the server's, without the place: it stands there already. */
export function complaint(draft: Draft): string {
  const problem = draft.problem.value;
  const at = problem?.body.at;
  if (!problem || !at?.expected) return problem?.message ?? "";
  return `Expected ${at.expected}${at.found ? `, found ${at.found}` : ""}.${at.suggestion ? ` Did you mean ${at.suggestion}?` : ""}`;
}

function Handle({ label, disabled, onClick, children }: { label: string; disabled?: boolean; onClick: (e: Event) => void; children: ComponentChildren }) {
  return (
    <button type="button" class="quiet handle" aria-label={label} title={label} disabled={disabled} onClick={onClick}>
      <span aria-hidden="true">{children}</span>
    </button>
  );
}
