#compdef inv invoke
# Completes the tasks, options and targets of `inv`. Made by `inv completion --shell=zsh`.
_castoff_inv() {
    local -a found
    found=(${(f)"$(${~${(Q)words[1]}} --complete -- inv "${(@Q)words[2,CURRENT]}" </dev/null 2>/dev/null)"})
    if (( $#found )); then compadd -- $found; else _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _castoff_inv inv invoke
