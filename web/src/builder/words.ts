// What the builder calls the parts of a definition.
import type { Behaviour, CriterionName, Fact, Frequency, Kind, Match, Messages, Period } from "../definition/model.ts";

export const kindNames: Record<Kind, string> = { list: "list", form: "form", webinar: "webinar", segment: "segment" };

export const startNames = {
  all_contacts: "All contacts",
  list: "A marketing list",
  form: "A form's submissions",
  webinar: "A webinar's list",
  segment: "Another segment (subsegment)",
} as const;

/** What the menu offers; what people rather ask for in the negative stands there so too. */
export const offers: [title: string, criteria: { name: CriterionName; negated?: true }[]][] = [
  ["What they did", [{ name: "clicked" }, { name: "replied" }, { name: "sent" }, { name: "failed" }]],
  ["What they did not", [{ name: "clicked", negated: true }, { name: "replied", negated: true }, { name: "sent", negated: true }]],
  ["Consent and phone", [{ name: "opted_in" }, { name: "opted_out" }, { name: "phone_in" }, { name: "valid_phone" }]],
  ["Where they are", [{ name: "in_list" }, { name: "in_form" }, { name: "in_webinar" }, { name: "in_segment" }]],
];

export const criterionNames: Record<CriterionName, string> = {
  sent: "Was sent an SMS",
  clicked: "Clicked on an SMS",
  failed: "SMS send failed",
  replied: "Replied to an SMS",
  opted_in: "Is opted in",
  opted_out: "Is opted out",
  valid_phone: "Has a valid phone number",
  phone_in: "Phone number is in a country",
  in_list: "Is on a list",
  in_form: "Submitted a form",
  in_webinar: "Is on a webinar's list",
  in_segment: "Is in a segment",
};

/** A criterion as it holds, and as it doesn't. */
export const verbs: Record<Behaviour | Fact | "phone_in" | "in", [is: string, not: string]> = {
  sent: ["Was sent an SMS", "Was not sent an SMS"],
  clicked: ["Clicked on an SMS", "Did not click on an SMS"],
  failed: ["SMS send failed", "SMS send did not fail"],
  replied: ["Replied to an SMS", "Did not reply to an SMS"],
  opted_in: ["Is opted in", "Is not opted in"],
  opted_out: ["Is opted out", "Is not opted out"],
  valid_phone: ["Has a valid phone number", "Has no valid phone number"],
  phone_in: ["Phone number is in", "Phone number is not in"],
  in: ["Is in", "Is not in"],
};

/** offered is a criterion as the menu calls it. */
export function offered(name: CriterionName, negated = false): string {
  return negated && name in verbs ? verbs[name as keyof typeof verbs][1] : criterionNames[name];
}

export const matchNames: Record<Match, string> = { all: "all of these", any: "any of these", none: "none of these", "not-all": "not all of these" };

export const messagesNames: Record<Messages["mode"], string> = { anything: "any message", any: "any of the messages", all: "all of the messages", none: "none of the messages" };

export const frequencyNames: Record<Frequency["kind"], string> = {
  once: "at least once",
  at_least: "at least",
  at_most: "at most",
  exactly: "exactly",
  at_least_days: "on at least",
};

/** How a period is called once it is chosen; periodChoices have more words. */
export const periodNames: Record<Period["kind"], string> = {
  last_days: "in the last",
  days_ago: "between",
  on: "on the day",
  between: "from",
  before: "before",
  since: "since",
  ever: "ever",
};

export const periodChoices: typeof periodNames = { ...periodNames, days_ago: "between … and … days ago", between: "from one day to another" };

export const frequencyChoices: typeof frequencyNames = {
  ...frequencyNames,
  at_least: "at least … times",
  at_most: "at most … times",
  exactly: "exactly … times",
  at_least_days: "on at least … days",
};
