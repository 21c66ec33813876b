# Completes the tasks, options and targets of `inv`. Made by `inv completion --shell=bash`.
_castoff_inv() {
    local line=${COMP_LINE:0:COMP_POINT} words found typed cut=
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    typed=${words[${#words[@]}-1]}
    # To readline a word begins after its "=", and so must what it is given.
    [[ $COMP_WORDBREAKS == *=* && $typed == *=* ]] && cut=${typed%%=*}=
    COMPREPLY=()
    while IFS= read -r found; do
        [[ $found == "$typed"* ]] && COMPREPLY+=("${found#"$cut"}")
    done < <("${words[0]/#\~/$HOME}" --complete -- inv "${words[@]:1}" </dev/null 2>/dev/null)
}
complete -o default -F _castoff_inv inv invoke
