import { Argument, type Command } from 'commander';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

export function completionCommand(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .summary('completion script for your shell')
    .description('Prints a script that completes commands, options and their values.')
    .addHelpText(
      'after',
      '\nExamples:\n  source <(sluice completion bash)\n  sluice completion zsh > ~/.zsh/functions/_sluice\n  sluice completion fish > ~/.config/fish/completions/sluice.fish',
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
}

interface Entry {
  /** A command, or a command and one of its own: `endpoint list`. */
  readonly command: string;
  readonly summary: string;
  readonly options: readonly {
    readonly flag: string;
    readonly short: string | undefined;
    readonly values: readonly string[];
    readonly text: string;
  }[];
  readonly values: readonly string[];
  /** Commands of its own. */
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
}

/** Made from the commands themselves, so that it can't fall behind them. */
export function completionScript(program: Command, shell: Shell): string {
  const entries = program.commands.flatMap((command) => [
    entryOf(command, command.name()),
    ...command.commands.map((inner) => entryOf(inner, `${command.name()} ${inner.name()}`)),
  ]);
  return { bash, zsh, fish }[shell](entries);
}

function entryOf(command: Command, name: string): Entry {
  return {
    command: name,
    summary: command.summary(),
    options: command.options.map((option) => ({
      flag: option.long ?? option.short ?? '',
      short: option.short,
      values: option.argChoices ?? [],
      text: option.description,
    })),
    values: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    commands: command.commands.map((inner) => ({ name: inner.name(), summary: inner.summary() })),
  };
}

const outer = (entries: readonly Entry[]) => entries.filter(({ command }) => !command.includes(' '));
/** Commands that have commands of their own. */
const groups = (entries: readonly Entry[]) => entries.filter(({ commands }) => commands.length > 0);

function bash(entries: readonly Entry[]): string {
  const values = entries.flatMap((entry) =>
    entry.options
      .filter((option) => option.values.length > 0)
      .map(
        (option) =>
          `    ${[option.flag, option.short]
            .flatMap((flag) => flag ?? [])
            .map((flag) => `"${entry.command}:${flag}"`)
            .join('|')}) COMPREPLY=($(compgen -W "${option.values.join(' ')}" -- "$cur")); return ;;`,
      ),
  );
  const words = entries.map(
    (entry) =>
      `    "${entry.command}") words="${[...entry.options.map((option) => option.flag), ...entry.values].join(' ')}" ;;`,
  );
  const inner = groups(entries).map(
    ({ command, commands }) =>
      `    ${command})
      if [ "$COMP_CWORD" -eq 2 ]; then COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')}" -- "$cur")); return; fi
      command="$command \${COMP_WORDS[2]}" ;;`,
  );
  return `# bash completion for sluice
_sluice() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${outer(entries)
      .map((entry) => entry.command)
      .join(' ')} --help --version" -- "$cur"))
    return
  fi
  case "$command" in
${inner.join('\n')}
  esac
  case "$command:$prev" in
${values.join('\n')}
  esac
  case "$command" in
${words.join('\n')}
  esac
  if [[ $cur == -* ]] || [ "$command" = completion ]; then COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else COMPREPLY=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _sluice sluice
`;
}

function zsh(entries: readonly Entry[]): string {
  const clean = (text: string) =>
    text.replaceAll("'", "'\\''").replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', ' -');
  const described = (list: readonly { readonly name: string; readonly summary: string }[]) =>
    list.map(({ name, summary }) => `'${name}:${clean(summary)}'`).join(' ');
  const inner = groups(entries).map(
    ({ command, commands }) => `    ${command})
      if (( CURRENT == 2 )); then
        local -a inner=(${described(commands)})
        _describe command inner
        return
      fi
      command="$command $words[2]"
      shift words; (( CURRENT-- )) ;;`,
  );
  const cases = entries.map((entry) => {
    const specs = entry.options.map((option) => {
      const value = option.values.length > 0 ? `:value:(${option.values.join(' ')})` : '';
      return `'${option.flag}[${clean(option.text)}]${value}'`;
    });
    const rest = entry.values.length > 0 ? `'*:value:(${entry.values.join(' ')})'` : `'*:file:_files'`;
    return `    '${entry.command}') _arguments ${[...specs, rest].join(' ')} ;;`;
  });
  return `#compdef sluice
_sluice() {
  if (( CURRENT == 2 )); then
    local -a commands=(${described(outer(entries).map(({ command, summary }) => ({ name: command, summary })))})
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words; (( CURRENT-- ))
  case $command in
${inner.join('\n')}
  esac
  case $command in
${cases.join('\n')}
  esac
}
compdef _sluice sluice
`;
}

function fish(entries: readonly Entry[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = entries.flatMap((entry) => {
    const [command, inner] = entry.command.split(' ') as [string, string?];
    const where = quote(
      inner === undefined
        ? `__fish_seen_subcommand_from ${command}`
        : `__fish_seen_subcommand_from ${command}; and __fish_seen_subcommand_from ${inner}`,
    );
    const names = entry.commands.map(({ name }) => name).join(' ');
    return [
      ...(inner === undefined
        ? [`complete -c sluice -n __fish_use_subcommand -f -a ${command} -d ${quote(entry.summary)}`]
        : []),
      ...entry.commands.map(
        ({ name, summary }) =>
          `complete -c sluice -n ${quote(`__fish_seen_subcommand_from ${command}; and not __fish_seen_subcommand_from ${names}`)} -f -a ${name} -d ${quote(summary)}`,
      ),
      ...entry.options.map((option) => {
        const value = option.values.length > 0 ? ` -x -a ${quote(option.values.join(' '))}` : '';
        return `complete -c sluice -n ${where} -l ${option.flag.replace(/^--/, '')} -d ${quote(option.text)}${value}`;
      }),
      ...(entry.values.length > 0 ? [`complete -c sluice -n ${where} -f -a ${quote(entry.values.join(' '))}`] : []),
    ];
  });
  return `# fish completion for sluice\n${lines.join('\n')}\n`;
}
