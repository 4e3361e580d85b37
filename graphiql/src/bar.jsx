// The bar above GraphiQL: who is signed in, and the dialog to do so.

import { useRef, useState, useSyncExternalStore } from "react";
import { current, listen, sendCode, signIn, signOut, verify } from "./session.js";

const METHODS = {
  TOTP: "Code of the authenticator app",
  EMAIL: "Code by e-mail",
  SMS: "Code by text message",
  BACKUP_CODE: "Backup code",
};

export function Bar({ demoPassword }) {
  const { session, notice } = useSyncExternalStore(listen, current);
  const dialog = useRef(null);
  // One button for both, so that the focus stays where it was.
  const press = () => (session ? signOut().catch(() => {}) : dialog.current.showModal());
  return (
    <header className="bar">
      <h1>Agora</h1>
      <a href="schema.graphql">Schema</a>
      <a href="graphiql/licences.txt" className="wide">Licences</a>
      <p role="status">{notice}</p>
      <button type="button" aria-haspopup={session ? undefined : "dialog"} onClick={press}>
        {session ? "Sign out" : "Sign in"}
      </button>
      <SignIn dialog={dialog} demoPassword={demoPassword} />
    </header>
  );
}

function SignIn({ dialog, demoPassword }) {
  const form = useRef(null);
  const [challenge, setChallenge] = useState(null);
  const [method, setMethod] = useState("");
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");

  const reset = () => {
    form.current.reset();
    setChallenge(null);
    setSaid("");
  };

  // Runs a step; what goes wrong is said in the dialog.
  const attempt = async (step) => {
    setBusy(true);
    setSaid("");
    try {
      await step();
    } catch (error) {
      setSaid(error.message);
    } finally {
      setBusy(false);
    }
  };

  const submit = (event) => {
    event.preventDefault();
    if (busy) return;
    const given = new FormData(form.current);
    attempt(async () => {
      const wanted = challenge
        ? await verify(challenge.challengeToken, method, given.get("code").trim())
        : await signIn(given.get("login").trim(), given.get("password"));
      if (wanted) {
        setMethod(wanted.methods[0]);
        setChallenge(wanted);
      } else {
        dialog.current.close();
      }
    });
  };

  const send = () =>
    attempt(async () => {
      await sendCode(challenge.challengeToken, method);
      setSaid("A code is on its way.");
    });

  const fillIn = () => {
    form.current.elements.login.value = "amina";
    form.current.elements.password.value = demoPassword;
    form.current.elements.submit.focus();
  };

  return (
    <dialog ref={dialog} className="sign-in" aria-labelledby="sign-in-title" onClose={reset}>
      <form ref={form} onSubmit={submit}>
        <h2 id="sign-in-title">{challenge ? "Second factor" : "Sign in"}</h2>
        {challenge ? (
          <>
            <fieldset>
              <legend>Confirm it by</legend>
              {challenge.methods.map((each) => (
                <label key={each} className="choice">
                  <input type="radio" name="method" checked={each === method} onChange={() => setMethod(each)} />
                  {METHODS[each] ?? each}
                </label>
              ))}
            </fieldset>
            {(method === "EMAIL" || method === "SMS") && (
              <button type="button" disabled={busy} onClick={send}>
                Send me a code
              </button>
            )}
            <label>
              Code
              <input name="code" autoComplete="one-time-code" autoCapitalize="none" spellCheck={false} required autoFocus />
            </label>
          </>
        ) : (
          <>
            <label>
              E-mail address or user name
              <input name="login" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus />
            </label>
            <label>
              Password
              <input name="password" type="password" autoComplete="current-password" required />
            </label>
            {demoPassword && (
              <button type="button" onClick={fillIn}>
                Fill in the demo’s amina
              </button>
            )}
          </>
        )}
        <p role="alert">{said}</p>
        <div className="buttons">
          <button type="button" onClick={() => dialog.current.close()}>
            Cancel
          </button>
          <button type="submit" name="submit" className="first" disabled={busy}>
            {challenge ? "Confirm" : "Sign in"}
          </button>
        </div>
        <p className="hint">
          The token is sent with every tab’s operations and kept in this page’s memory only. A tab whose Headers have an
          “authorization” of their own sends that.
        </p>
      </form>
    </dialog>
  );
}
