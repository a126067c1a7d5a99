"""Every state that a small world can reach. A world is a hashable state and a function to the states that may come next."""


class Violation(Exception):
    """What was found, and the steps that lead there."""

    def __init__(self, what, steps):
        super().__init__(f"{what}\n  " + "\n  ".join(steps))
        self.steps = steps


def explore(start, steps, check):
    """Visits all. steps(state) gives (name, next state) pairs; check(state, is_end) gives what is wrong, or None. Breadth first,
    so that the way to a violation is a shortest one. Returns how many states there are."""
    seen, front = {start: None}, [start]
    while front:
        coming = []
        for state in front:
            following = list(steps(state))
            wrong = check(state, not following)
            if wrong:
                raise Violation(wrong, way_to(state, seen))
            for name, after in following:
                if after not in seen:
                    seen[after] = (state, name)
                    coming.append(after)
        front = coming
    return len(seen)


def way_to(state, seen):
    names = []
    while seen[state]:
        state, name = seen[state]
        names.append(name)
    return names[::-1]
