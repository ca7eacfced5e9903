# SPDX-License-Identifier: LGPL-2.1-or-later
# Reads what a program prints for --help; prints a line for each option: its long
# name, its letter, what its argument is called, the words that this may be, and
# what the option is for, with | between. The words are those behind the first
# colon ("weights of this type: f32, f16 or q8_0 (default: f16)"), or those of
# the list of forms that ends the help.
# It stands between single quotes in the completions, so it holds none, nor
# backslashes, which fish would take for its own.

function words(text,    out, n) {
  if (!match(text, ": ") || (index(text, "(") && index(text, "(") < RSTART))
    return ""
  text = substr(text, RSTART + 2)
  while (match(text, /^[a-z0-9_-]+/)) {
    out = out (n++ ? " " : "") substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    if (!match(text, /^(, or |, | or )[a-z0-9_-]/))
      break
    text = substr(text, RLENGTH)
  }
  return n > 1 && (text == "" || text ~ /^(;| [(])/) ? out : ""
}

/^  (-[A-Za-z], )?--[a-z]/ {
  letter = ""
  sub(/^ +/, "")
  if (match($0, /^-[A-Za-z], /)) {
    letter = substr($0, 1, 2)
    $0 = substr($0, 5)
  }
  name = $1
  what = $0
  sub(/^[^ ]+ */, "", what)
  argument = ""
  if (i = index(name, "=")) {
    argument = substr(name, i + 1)
    name = substr(name, 1, i - 1)
  }
  names[++n] = name
  line[n] = name "|" letter "|" argument
  list[n] = argument == "" ? "" : words(what)
  text[n] = what
}

/^Forms:/ { in_forms = 1 }
in_forms && /^  [a-z]/ { forms = forms (forms == "" ? "" : " ") $1 }

END {
  for (i = 1; i <= n; i++)
    print line[i] "|" (names[i] == "--form" ? forms : list[i]) "|" text[i]
}
