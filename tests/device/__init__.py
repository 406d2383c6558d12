"""What only a CUDA device can show, in steps of their own processes, by value, each with a limit.

    python -m tests.device prove --minutes 5 --out DIR       whether it is right, and where the time goes
    python -m tests.device board --minutes 5.5 --out DIR     records for leaderboards/DEVICE-speed
    python -m tests.device prove --tiny --out DIR            the logic alone, on any machine

It needs no network: torch with CUDA, Triton, a C compiler, and segbench's own requirements. DIR/results.jsonl has one object a line,
``{"step", "what", ...}``, written as it is known; DIR/summary.txt is what to read first; DIR/log.txt is what the steps printed.
"""
