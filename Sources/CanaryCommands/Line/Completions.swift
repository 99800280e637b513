/// `canary __completions bash|zsh|fish`: completions for a shell, generated from the commands.
enum Completions {
  /// The script for the shell; nil for any other.
  static func text(_ shell: String) -> String? {
    switch shell {
    case "bash": bash
    case "zsh": zsh
    case "fish": fish
    default: nil
    }
  }

  private static func options(_ spec: CommandSpec) -> String {
    spec.allOptions.map(\.name).joined(separator: " ")
  }

  private static var bash: String {
    let cases = Program.visible.map { command in
      let takes = command.spec.service == .none ? "" : " $services"
      return
        "    \(command.spec.name)) COMPREPLY=($(compgen -W \"\(options(command.spec))\(takes)\" -- \"$word\")) ;;"
    }
    return """
      # bash completion for canary
      _canary() {
        local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} services=
        COMPREPLY=()
        if [ "$COMP_CWORD" -eq 1 ]; then
          COMPREPLY=($(compgen -W "\(Program.visible.map(\.spec.name).joined(separator: " ")) --help" -- "$word"))
          return
        fi
        case $before in
          --config|--log) COMPREPLY=($(compgen -f -- "$word")); return ;;
        esac
        case $word in
          -*) ;;
          *) services=$(canary __services 2>/dev/null) ;;
        esac
        case ${COMP_WORDS[1]} in
      \(cases.joined(separator: "\n"))
        esac
      }
      complete -F _canary canary
      """
  }

  private static var zsh: String {
    let names = Program.visible.map {
      "    '\($0.spec.name):\(quoted($0.spec.summary))'"
    }
    let cases = Program.visible.map { command in
      let arguments = command.spec.allOptions.map { option in
        let value = option.value.map { ":\($0.lowercased()):\(files(option))" } ?? ""
        return "'\(option.repeats ? "*" : "")\(option.name)[\(quoted(option.help))]\(value)'"
      }
      let service =
        command.spec.service == .none ? "" : " '1:service:($(canary __services 2>/dev/null))'"
      return
        "      \(command.spec.name)) _arguments \(arguments.joined(separator: " "))\(service) ;;"
    }
    return """
      #compdef canary
      _canary() {
        local -a commands
        commands=(
      \(names.joined(separator: "\n"))
        )
        if (( CURRENT == 2 )); then
          _describe command commands
          return
        fi
        local name=$words[2]
        shift words
        (( CURRENT-- ))
        case $name in
      \(cases.joined(separator: "\n"))
        esac
      }
      compdef _canary canary
      """
  }

  private static var fish: String {
    let quoted = { (text: String) in
      "'\(text.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'"
    }
    var lines = ["complete -c canary -f"]
    for spec in Program.visible.map(\.spec) {
      lines.append(
        "complete -c canary -n __fish_use_subcommand -a \(spec.name) -d \(quoted(spec.summary))")
      let inside = "complete -c canary -n '__fish_seen_subcommand_from \(spec.name)'"
      if spec.service != .none { lines.append("\(inside) -a '(canary __services 2>/dev/null)'") }
      for option in spec.allOptions {
        let value = option.value.map { $0 == "FILE" ? " -r -F" : " -x" } ?? ""
        lines.append("\(inside) -l \(option.name.dropFirst(2))\(value) -d \(quoted(option.help))")
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func files(_ option: Option) -> String { option.value == "FILE" ? "_files" : "" }

  /// Text that is safe between zsh's quotes, brackets and colons.
  private static func quoted(_ text: String) -> String {
    text.replacing("'", with: "").replacing("[", with: "(").replacing("]", with: ")").replacing(
      ":", with: "\\:")
  }
}
