/**
 * Shell completion, made from the table of commands: a static script, so that Tab answers at once.
 */
import type { Command } from 'commander'

/** Shells that a script can be made for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** A command at its place below `famichat`: `/archive/create`; the program itself is at the empty path. */
interface Place {
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly { readonly name: string; readonly summary: string; readonly choices: readonly string[] }[]
}

/** The script for a shell to read at its start. */
export const completionScript = (program: Command, shell: Shell): string => {
  const places = placesOf(program)
  switch (shell) {
    case 'bash':
      return bashScript(places)
    case 'zsh':
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(places)}`
    case 'fish':
      return fishScript(places)
  }
}

const placesOf = (command: Command, path = ''): readonly Place[] => {
  const below = command.commands.filter((child) => child.name() !== 'help')
  const own: Place = {
    path,
    commands: below.map((child) => ({ name: child.name(), summary: child.summary() || child.description() })),
    options: [
      ...command.options.map((option) => ({ name: option.long ?? option.short ?? '', summary: option.description, choices: option.argChoices ?? [] })),
      { name: '--help', summary: 'say what it does', choices: [] },
    ],
  }
  return [own, ...below.flatMap((child) => placesOf(child, `${path}/${child.name()}`))]
}

/** Words are names from our own table: nothing in them needs quoting. */
const bashScript = (places: readonly Place[]): string => {
  const wordsAt = places.map(({ path, commands, options }) =>
    `    '${path}') words='${[...commands, ...options].map(({ name }) => name).join(' ')}' ;;`)
  const choicesAt = places.flatMap(({ path, options }) => options.filter(({ choices }) => choices.length > 0)
    .map(({ name, choices }) => `    '${path} ${name}') words='${choices.join(' ')}' ;;`))
  return `_famichat() {
  local path='' word words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$path/$word" in
      ${places.filter(({ path }) => path !== '').map(({ path }) => path).join('|')}) path="$path/$word" ;;
    esac
  done
  case "$path" in
${wordsAt.join('\n')}
  esac
  case "$path \${COMP_WORDS[COMP_CWORD-1]}" in
${choicesAt.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _famichat famichat
`
}

const fishScript = (places: readonly Place[]): string => {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = places.flatMap(({ path, commands, options }) => {
    const condition = path === '' ? '__fish_use_subcommand' : path.split('/').slice(1).map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    const start = `complete -c famichat -n ${quoted(condition)}`
    return [
      ...commands.map(({ name, summary }) => `${start} -f -a ${name} -d ${quoted(summary)}`),
      ...options.filter(({ name }) => name.startsWith('--')).map(({ name, summary, choices }) =>
        `${start} -l ${name.slice(2)} -d ${quoted(summary)}${choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : ''}`),
    ]
  })
  return `${lines.join('\n')}\n`
}
