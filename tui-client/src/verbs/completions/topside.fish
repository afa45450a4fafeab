# Completion of topside in fish. `topside completions fish` prints it.
function __topside_complete
    set --local before (commandline --current-process --tokenize --cut-at-cursor)
    set --local typed (commandline --current-token --cut-at-cursor)
    VARIABLE=fish PROGRAM -- $before "$typed" 2>/dev/null
end
complete --command topside --no-files --keep-order --arguments '(__topside_complete)'
