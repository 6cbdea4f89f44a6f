# What drgn sees of every task, as JSON: the truth that stacks are compared with.
import json
import os
import sys

from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_cpu, task_state_to_char


def frames(task):
    try:
        return [{"pc": f.pc, "name": f.name, "inline": f.is_inline} for f in prog.stack_trace(task)], None
    except Exception as e:  # a task that runs on another CPU, a torn stack
        return [], str(e)


tasks = []
for t in for_each_task(prog):
    stack, why = frames(t)
    tasks.append({
        "pid": t.pid.value_(), "tgid": t.tgid.value_(), "address": t.value_(),
        "comm": t.comm.string_().decode(errors="replace"),
        "state": task_state_to_char(t), "cpu": task_cpu(t),
        "stack": stack, "error": why,
    })
json.dump({"release": prog["UTS_RELEASE"].string_().decode(), "tasks": tasks}, sys.stdout, indent=1)
print()
sys.stdout.flush()
# Taking the interpreter down takes longer than the work.
os._exit(0)
