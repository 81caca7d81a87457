import { element } from "./element.ts";

export interface SignInOptions {
  /** Why the form is shown, where it is not plain. */
  reason?: string | undefined;
  email?: string | undefined;
  /** Signs in; a rejection's message is shown in the form. */
  submit: (email: string, password: string) => Promise<void>;
}

/** The sign-in form. */
export function signInForm(options: SignInOptions): HTMLElement {
  const main = element("main", "sign-in");
  const form = element("form", "sign-in-form");
  const email = field("E-mail", "email", "username", options.email ?? "");
  const password = field("Password", "password", "current-password", "");
  const message = element("p", "sign-in-message", options.reason ?? "");
  message.setAttribute("role", "alert");
  const submit = element("button", "button button-primary", "Sign in");
  form.append(
    element("h1", "sign-in-title", "FreshTrack Hub"),
    element("p", "sign-in-lead", "Every fridge, freezer and cold room, live."),
    email.label,
    password.label,
    message,
    submit,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit.disabled = true;
    message.textContent = "";
    options
      .submit(email.input.value, password.input.value)
      .catch((error: unknown) => {
        message.textContent = error instanceof Error ? error.message : "Sign-in failed.";
      })
      .finally(() => {
        submit.disabled = false;
      });
  });
  main.append(form);
  return main;
}

function field(
  name: string,
  type: string,
  autocomplete: AutoFill,
  value: string,
): { label: HTMLLabelElement; input: HTMLInputElement } {
  const label = element("label", "field", name);
  const input = element("input", "field-input");
  input.type = type;
  input.required = true;
  input.autocomplete = autocomplete;
  input.value = value;
  label.append(input);
  return { label, input };
}
