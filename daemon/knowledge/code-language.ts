/** Names people write after a fence, for one language each. */
const ALIASES = new Map(
  `js javascript|mjs javascript|cjs javascript|node javascript|jsx javascript|ts typescript|tsx typescript|mts typescript
   py python|python3 python|py3 python|rb ruby|rs rust|golang go|kt kotlin|cs csharp|c# csharp|f# fsharp|c++ cpp|cc cpp
   cxx cpp|h c|hpp cpp|objc objective-c|sh bash|shell bash|zsh bash|console bash|terminal bash|shell-session bash
   ps1 powershell|pwsh powershell|bat batch|cmd batch|yml yaml|md markdown|htm html|tex latex|pl perl|hs haskell
   ex elixir|exs elixir|erl erlang|ml ocaml|clj clojure|jl julia|mysql sql|postgres sql|postgresql sql|sqlite sql
   psql sql|plpgsql sql|tsql sql|docker dockerfile|make makefile|vb vbnet|jsonc json|json5 json|plaintext text|txt text
   plain text|none text|proto protobuf|gql graphql|tf hcl|terraform hcl|vue vue|svg xml|el emacs-lisp|patch diff`
    .split(/[|\n]/)
    .map((entry) => entry.trim().split(' ') as [string, string]),
)

/** The one name of a language; unknown names stay as written, in lower case. '' when there is none. */
export function normalLanguage(written: string | null | undefined): string {
  const name = (written ?? '')
    .trim()
    .toLowerCase()
    .replace(/^\{?\.?([^\s,{}:]*).*$/su, '$1')
    .slice(0, 40)
  return ALIASES.get(name) ?? name
}

const SHELLS = new Set(['bash', 'powershell', 'batch', 'fish'])

export function isShell(language: string): boolean {
  return SHELLS.has(language)
}
