#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: TAB offers what can stand there, in bash and in zsh.
Method: bash's function is called as readline calls it; zsh runs on a pseudo terminal, keys are typed.
Usage: complete.py BASH_SCRIPT ZSH_SCRIPT SHOAL
"""
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time

CASES = [  # words typed (the last one is completed), what must be offered, what must not
    (["shoal", "um"], ["umount"], ["mount"]),
    (["shoal", "index", ""], ["build", "report"], ["mount"]),
    (["shoal", "mount", "--cache"], ["--cache-size"], ["--journal"]),
    (["shoal", "index", "build", "--re"], ["--region", "--rebuild"], ["--cache-size"]),
    (["shoal", "mount", "--addressing", ""], ["auto", "virtual", "path"], ["v4"]),
    (["shoal", "mount", "--addressing", "=", "v"], ["virtual"], ["auto"]),
    (["shoal", "put", "--signature", ""], ["v4", "v1"], ["auto"]),
    (["shoal", "agent", "--m"], ["--max-volumes", "--metrics-address"], ["--memory"]),
    (["shoal", "mount", "--log-level", ""], ["debug", "info", "warning", "error"], ["text"]),
    (["shoal", "log-level", ""], ["debug", "info", "warning", "error"], ["text"]),
    (["shoal", "log-level", "debug", "/mnt/of"], ["/mnt/of a shoal"], []),
    (["shoal", "bench", "--order", ""], ["walk", "shuffle", "stride"], []),
    (["shoal", "completion", ""], ["bash", "zsh"], ["mounts"]),
    (["shoal", "config", "show", "mo"], ["mount"], ["umount"]),
    (["shoal", "umount", "/mnt/of"], ["/mnt/of a shoal"], []),
    (["shoal", "--ver"], ["--version"], []),
]

# Stands in for the program: the only thing a script asks it.
FAKE = "#!/bin/sh\n[ \"$1 $2\" = 'completion mounts' ] && echo '/mnt/of a shoal'\n"


def in_bash(script, folder, words):
    text = """
source "$1"; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shoal
printf '%s\\n' "${COMPREPLY[@]}"
"""
    path = folder + os.pathsep + os.environ["PATH"]
    run = subprocess.run(["bash", "-c", text, "bash", script, *words], capture_output=True, text=True,
                         env={**os.environ, "PATH": path}, timeout=20, check=True)
    return run.stdout.split("\n")


class Zsh:
    """A zsh on a terminal of its own, with the completion system and nothing of the user's."""

    def __init__(self, script, folder):
        os.makedirs(os.path.join(folder, "functions"))
        shutil.copy(script, os.path.join(folder, "functions", "_shoal"))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PATH=folder + os.pathsep + os.environ["PATH"], TERM="dumb", HOME=folder,
                              COLUMNS="200", LINES="50")
            os.execlp("zsh", "zsh", "-f", "-i")
        self.type("unsetopt zle_bracketed_paste; PS1='ready> '; unsetopt LIST_BEEP; setopt AUTO_LIST NO_AUTO_MENU\n"
                  f"fpath=({folder}/functions $fpath); autoload -U compinit && compinit -u -D && echo st''arted\n")
        self.expect(["started"])

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, wanted, seconds=20):
        """What the terminal shows until it has all of `wanted`; raises when it does not in time."""
        shown, deadline = "", time.monotonic() + seconds
        while not all(word in shown for word in wanted):
            if time.monotonic() > deadline:
                raise AssertionError(f"zsh does not offer {wanted}; it shows {shown!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                shown += os.read(self.fd, 65536).decode(errors="replace")
        return shown

    def offers(self, line, wanted):
        self.type(line + "\t\t")
        self.expect(wanted)
        self.type("\x15echo cle''ared\n")  # kill the line
        self.expect(["cleared"])

    def close(self):
        self.type("\x15exit\n")
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def main():
    bash_script, zsh_script, _ = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "shoal"), "w") as fake:
            fake.write(FAKE)
        os.chmod(fake.name, 0o755)
        for words, wanted, unwanted in CASES:
            offered = in_bash(bash_script, folder, words)
            missing = [word for word in wanted if word not in offered]
            wrong = [word for word in unwanted if word in offered]
            assert not missing and not wrong, f"bash, {words}: {missing} not offered, {wrong} offered: {offered}"
        zsh = Zsh(zsh_script, folder)
        for words, wanted, _ in CASES:
            line = " ".join(words).replace(" = ", "=")
            # zsh shows names with their escapes on the line.
            zsh.offers(line, [word.replace(" ", "\\ ") for word in wanted])
        zsh.close()


main()
