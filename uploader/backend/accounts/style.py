"""How the pages look: one style sheet, light and dark, and the hash by which the browser accepts it."""

import base64
import hashlib

# The colours are those of the desktop's palette: a page looks like the app that sent the person here. The light accent
# is one step darker, which takes its text on white from 4.499 : 1 over the 4.5 : 1 that small letters need.
STYLE = """
:root {
  color-scheme: light dark;
  --window: #F6F7F9; --surface: #FFFFFF; --line: #E1E5EA; --edge: #868F9B; --text: #14171C; --secondary: #5A6472;
  --accent: #2E6AFF; --pressed: #2457D6; --on-accent: #FFFFFF; --bad: #C4314B; --good: #1A7F4B;
}
@media (prefers-color-scheme: dark) {
  :root {
    --window: #16181C; --surface: #1E2126; --line: #2E333B; --edge: #6D7683; --text: #ECEEF2; --secondary: #A0A9B6;
    --accent: #6C95FF; --pressed: #5580F0; --on-accent: #0E1420; --bad: #F0788C; --good: #4CC38A;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 32px 16px; display: flex; flex-direction: column; align-items: center;
  justify-content: center; background: var(--window); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
.product { margin: 0 0 16px; font-weight: 600; letter-spacing: 0.01em; }
.product::before {
  content: ""; display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 50%;
  background: var(--accent);
}
main {
  width: 100%; max-width: 400px; padding: 32px; background: var(--surface); border: 1px solid var(--line);
  border-radius: 8px;
}
h1 { margin: 0 0 8px; font-size: 20px; line-height: 1.3; font-weight: 600; }
p { margin: 0 0 12px; overflow-wrap: anywhere; }
main > p:last-child { margin-bottom: 0; }
.secondary, .hint, footer { color: var(--secondary); }
.hint, .wrong, footer { font-size: 13px; }
.trouble { margin: 16px 0; padding: 8px 12px; border: 1px solid var(--bad); border-radius: 8px; color: var(--bad); }
form { margin: 24px 0 0; }
.field { margin: 0 0 16px; }
label { display: block; margin: 0 0 4px; font-weight: 600; font-size: 14px; }
label .optional { font-weight: 400; color: var(--secondary); }
input {
  width: 100%; height: 40px; padding: 0 12px; font: inherit; color: var(--text); background: var(--surface);
  border: 1px solid var(--edge); border-radius: 8px;
}
input[aria-invalid] { border-color: var(--bad); }
.hint, .wrong { margin: 4px 0 0; }
.wrong { color: var(--bad); }
.actions { display: flex; align-items: center; gap: 16px; margin: 24px 0 0; }
button {
  flex: 1; height: 40px; padding: 0 16px; font: inherit; font-weight: 600; color: var(--on-accent);
  background: var(--accent); border: 0; border-radius: 6px; cursor: pointer;
}
button:hover, button:active { background: var(--pressed); }
button.quiet { color: var(--text); background: var(--surface); border: 1px solid var(--edge); }
button.quiet:hover, button.quiet:active { background: var(--window); }
.code { text-transform: uppercase; letter-spacing: 0.12em; font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
a { color: var(--accent); text-underline-offset: 2px; }
.actions a { padding: 8px 4px; text-decoration: none; }
.actions a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
footer { margin: 16px 0 0; max-width: 400px; text-align: center; overflow-wrap: anywhere; }
@media (forced-colors: active) { .product::before { background: Highlight; } button { border: 1px solid; } }
"""

STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
