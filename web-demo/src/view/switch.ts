import { button, element } from "./element.ts";

/** A row of buttons of which one is pressed. */
export function choice<T extends string>(
  label: string,
  options: readonly { value: T; text: string }[],
  chosen: T,
  onChoose: (value: T) => void,
): HTMLElement {
  const root = element("div", "switch");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", label);
  const buttons = options.map(({ value, text }) => {
    const made = button("switch-button", text, () => press(value));
    made.dataset["value"] = value;
    made.setAttribute("aria-pressed", String(value === chosen));
    return made;
  });
  const press = (value: T): void => {
    for (const each of buttons) each.setAttribute("aria-pressed", String(each.dataset["value"] === value));
    onChoose(value);
  };
  root.append(...buttons);
  return root;
}
