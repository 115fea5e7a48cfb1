"""Writes spikes.csv: 60 inputs that all fire as often as one another, and a pattern that only its timing gives away.

Inputs 0 to 39 fire in turn, two a tick, in every presentation; all 60 fire at random besides, those of the pattern
less outside it, so that over 100 ticks each input fires about twice. Presentation k starts at 100 k + (37 k mod 50).
"""

import random

INPUTS, PATTERN, PERIOD, PRESENTATIONS = 60, 40, 100, 100
NOISE = 0.01  # chance of a spike a tick, inside the pattern and out of it
draws = random.Random(1)
starts = [PERIOD * k + 37 * k % 50 for k in range(PRESENTATIONS)]
spikes = {(start + i // 2, i) for start in starts for i in range(PATTERN)}
for tick in range(PERIOD * PRESENTATIONS):
    for i in range(INPUTS):
        # What the pattern gives its inputs, one spike in a hundred ticks, the others get at random.
        if draws.random() < (NOISE if i < PATTERN else NOISE + 1 / PERIOD):
            spikes.add((tick, i))
with open("spikes.csv", "w") as file:
    file.write("tick,input\n")
    file.writelines(f"{tick},{i}\n" for tick, i in sorted(spikes))
