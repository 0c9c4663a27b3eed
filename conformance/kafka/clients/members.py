"""Members of groups that stay while requests come and go.

A consumer belongs to one thread: it polls, and does between two polls what requests want of it.
"""

import queue
import threading
import time


class Member:
    """What clients have in common; the subclass has `open`, `poll`, `assigned`, `commit`, `seek`, `leave`."""

    def __init__(self, request):
        self.records = []
        self.history = []
        self.positions = {}
        self.error = None
        self.is_polling = True
        self.owned = []
        self.wishes = queue.Queue()
        self.thread = threading.Thread(target=self.run, args=(request,), daemon=True)
        self.thread.start()

    def run(self, request):
        try:
            self.open(request)
        except Exception as error:
            self.failed(error)
            return
        while True:
            try:
                wish = self.wishes.get_nowait()
            except queue.Empty:
                wish = None
            if wish is not None:
                action, result = wish
                try:
                    result.put((action(), None))
                except Exception as error:
                    result.put((None, error))
                if action == self.leave:
                    return
                continue
            try:
                if self.is_polling:
                    self.poll()
                else:
                    time.sleep(0.05)
                self.owned = sorted(self.assigned())
            except Exception as error:
                self.failed(error)
                time.sleep(0.1)

    def do(self, action):
        """In the member's thread. @returns what the action does"""
        result = queue.Queue()
        self.wishes.put((action, result))
        value, error = result.get(timeout=60)
        if error is not None:
            raise error
        return value

    def granted(self, partitions):
        self.history.append(["granted", sorted(partition for _, partition in partitions)])

    def revoked(self, partitions):
        self.history.append(["revoked", sorted(partition for _, partition in partitions)])
        for place in partitions:
            self.positions.pop(place, None)

    def received(self, topic, partition, offset, value):
        self.records.append([partition, offset, (value or b"").decode()])
        self.positions[(topic, partition)] = offset + 1

    def failed(self, error):
        self.error = f"{type(error).__name__}: {error}"

    def commit_positions(self, metadata):
        offsets = dict(self.positions)
        self.commit(offsets, metadata)
        return sorted([partition, offset] for (_, partition), offset in offsets.items())

    def status(self):
        return {
            "partitions": [partition for _, partition in self.owned],
            "records": self.records,
            "history": self.history,
            "error": self.error,
        }


def member_operations(kind):
    members = {}

    def join(request):
        members[request["member"]] = kind(request)
        return True

    def status(request):
        return members[request["member"]].status()

    def commit(request):
        member = members[request["member"]]
        return member.do(lambda: member.commit_positions(request.get("metadata")))

    def seek(request):
        member = members[request["member"]]
        place = (request["topic"], request["partition"], request["offset"])
        member.do(lambda: member.seek(*place))
        return True

    def leave(request):
        member = members.pop(request["member"])
        member.do(member.leave)
        return True

    return {
        "memberJoin": join,
        "memberStatus": status,
        "memberCommit": commit,
        "memberSeek": seek,
        "memberLeave": leave,
    }
