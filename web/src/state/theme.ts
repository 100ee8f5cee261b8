import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const kept = "rollcall.theme";

export const theme = signal<Theme>((localStorage.getItem(kept) as Theme | null) ?? "system");

effect(() => {
  localStorage.setItem(kept, theme.value);
  const root = document.documentElement;
  if (theme.value === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme.value;
});
