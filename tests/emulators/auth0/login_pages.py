"""The markup of the pages of sign-in; `tests.emulators.server` adds head and style."""

from html import escape

MIN_PASSWORD_LENGTH = 8


def message_page(title: str, text: str = "") -> str:
    """A page that only says something."""
    paragraph = f"<p>{escape(text)}</p>" if text else ""
    return f"<main><h1>{escape(title)}</h1>{paragraph}<p class=hint>Sign-in page of the Auth0 emulator.</p></main>"


def login_form(application_name: str, email: str, error: str) -> str:
    """The form for e-mail address and password."""
    described = ' aria-describedby="error" aria-invalid="true"' if error else ""
    email_focus, password_focus = ("", " autofocus") if email else (" autofocus", "")
    return f"""<main><h1>Log in</h1>
<p class="hint">to continue to {escape(application_name)}</p>{_error(error)}<form method="post">
<label for="username">Email</label><input id="username" name="username" type="email"
 autocomplete="username" value="{escape(email)}" required{described}{email_focus}>
<label for="password">Password</label><input id="password" name="password" type="password"
 autocomplete="current-password" required{described}{password_focus}><button>Continue</button></form>
<p class="hint">Sign-in page of the Auth0 emulator.</p></main>"""


def password_form(email: str, error: str) -> str:
    """The form for a new password."""
    return f"""<main><h1>Set your password</h1>
<p class="hint">for {escape(email)}</p>{_error(error)}
<form method="post"><label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required
 minlength="{MIN_PASSWORD_LENGTH}" aria-describedby="rule"><p class="hint" id="rule">At least
 {MIN_PASSWORD_LENGTH} characters.</p><button>Set password</button></form></main>"""


def _error(text: str) -> str:
    return f'<p class="error" id="error" role="alert">{escape(text)}</p>' if text else ""
