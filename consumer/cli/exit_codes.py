"""What the command's exit code says; fixed by the contract, but for the internal error's."""

DONE = 0
FINDINGS = 1  # done, with findings: an invalid event, a failed check
USAGE = 2  # usage or settings
UNREACHABLE = 3  # Kafka or Zoho can't be reached
REFUSED = 4  # credentials or permissions
INTERNAL = 70  # an internal error: a bug of ours (EX_SOFTWARE of sysexits.h)
INTERRUPTED = 130
TERMINATED = 143  # ended by SIGTERM
