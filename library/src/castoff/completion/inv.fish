# Completes the tasks, options and targets of `inv`. Made by `inv completion --shell=fish`.
function __castoff_inv
    set -l before (commandline --tokenize --cut-at-cursor --current-process)
    set -l typed (commandline --current-token --cut-at-cursor)
    $before[1] --complete -- inv $before[2..-1] "$typed" </dev/null 2>/dev/null
end
complete --command inv --command invoke --no-files --arguments '(__castoff_inv)'
