# Runs a process that outlives neither the test process nor this script:
#
#   sh -c SCRIPT supervise FOLDER COMMAND...
#
# Each line of standard input is the name of a signal for it. Its end means that the test
# process is gone, even if by kill -9: then it is killed and FOLDER removed. The script ends
# when it does, with its status.

folder=$1
shift
# Without it (util-linux) only a kill -9 of this very script leaves something behind.
if command -v setpriv >/dev/null; then
  set -- setpriv --pdeathsig KILL "$@"
fi

exec 3<&0 # a job in the background gets another standard input
"$@" </dev/null 3<&- &
process=$!
{
  while read -r signal; do
    kill -s "$signal" "$process"
  done
  trap '' TERM # on the way to 99, which no other end has
  kill -s KILL "$process"
  exit 99
} <&3 &
orders=$!

wait "$process"
status=$?
kill "$orders" 2>/dev/null
wait "$orders"
if [ $? -eq 99 ]; then
  rm -rf "$folder"
fi
exit "$status"
