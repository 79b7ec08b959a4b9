"""Binary heaps of the max-min solver: of stations by their levels, and of flows by the levels of their caps."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from netsim.compiled import inner


@inner
def push(heap, key, size, item):
    i = size
    while i > 0 and key[heap[(i - 1) >> 1]] > key[item]:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = item
    return size + 1


@inner
def sink(heap, key, size, i):
    item = heap[i]
    while True:
        j = 2 * i + 1
        if j >= size:
            break
        if j + 1 < size and key[heap[j + 1]] < key[heap[j]]:
            j += 1
        if key[heap[j]] >= key[item]:
            break
        heap[i] = heap[j]
        i = j
    heap[i] = item


@inner
def pop(heap, key, size):
    size -= 1
    if size > 0:
        heap[0] = heap[size]
        sink(heap, key, size, 0)
    return size


@inner
def cap_level(net, f):
    return net.f_cap[f] / net.f_weight[f]


@inner
def push_cap(net, size, f):
    i = size
    while i > 0 and cap_level(net, net.caps[(i - 1) >> 1]) > cap_level(net, f):
        net.caps[i] = net.caps[(i - 1) >> 1]
        i = (i - 1) >> 1
    net.caps[i] = f
    return size + 1


@inner
def pop_cap(net, size):
    size -= 1
    if size > 0:
        f, i = net.caps[size], 0
        while True:
            j = 2 * i + 1
            if j >= size:
                break
            if j + 1 < size and cap_level(net, net.caps[j + 1]) < cap_level(net, net.caps[j]):
                j += 1
            if cap_level(net, net.caps[j]) >= cap_level(net, f):
                break
            net.caps[i] = net.caps[j]
            i = j
        net.caps[i] = f
    return size
