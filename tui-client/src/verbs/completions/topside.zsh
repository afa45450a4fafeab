#compdef topside
# Completion of topside in zsh. `topside completions zsh` prints it.
_topside() {
    local -a found whole open
    local reply
    found=("${(@f)$(VARIABLE=zsh PROGRAM -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
    for reply in $found; do
        # More of the word follows.
        case ${${reply//\\:/}%%:*} in
            *[=/]) open+=("$reply") ;;
            *) whole+=("$reply") ;;
        esac
    done
    local ret=1
    (( $#whole )) && _describe -V topside whole && ret=0
    (( $#open )) && _describe -V topside open -S '' && ret=0
    return ret
}
# In a directory of fpath this file is the function itself; read by an rc file it only says which it is.
if [[ $funcstack[1] == _topside ]]; then
    _topside "$@"
else
    compdef _topside topside
fi
