/*
 * lock(2): locks that are waited for in order, by rendezvous.  A waiter's place in the queue
 * is on its own stack, which other processes cannot see, so the places come from a pool.
 */
#include <u.h>
#include <libc.h>

enum { Nplace = 1024, Queued = 1, Reading, Writing, Sleeping };

static struct {
    Lock lock;
    QLp place[Nplace];
    int next;
} pool;

static QLp *
getplace(int state)
{
    QLp *p;
    int i;

    for (;;) {
        lock(&pool.lock);
        for (i = 0; i < Nplace; i++) {
            p = &pool.place[pool.next];
            pool.next = (pool.next + 1) % Nplace;
            if (!p->inuse) {
                p->inuse = 1;
                p->next = nil;
                p->state = state;
                unlock(&pool.lock);
                return p;
            }
        }
        unlock(&pool.lock);
        sleep(10);
    }
}

static void
putplace(QLp *p)
{
    lock(&pool.lock);
    p->inuse = 0;
    unlock(&pool.lock);
}

static void
enqueue(QLp **head, QLp **tail, QLp *p)
{
    if (*tail != nil)
        (*tail)->next = p;
    else
        *head = p;
    *tail = p;
}

static QLp *
dequeue(QLp **head, QLp **tail)
{
    QLp *p = *head;

    if (p != nil) {
        *head = p->next;
        if (p->next == nil)
            *tail = nil;
    }
    return p;
}

/* Both sides meet at p; a note makes rendezvous return early. */
static void
await_turn(QLp *p)
{
    while (rendezvous(p, nil) == (void *)~0ul)
        ;
    putplace(p);
}

static void
give_turn(QLp *p)
{
    while (rendezvous(p, nil) == (void *)~0ul)
        ;
}

void
qlock(QLock *q)
{
    QLp *p;

    lock(&q->lock);
    if (!q->locked) {
        q->locked = 1;
        unlock(&q->lock);
        return;
    }
    p = getplace(Queued);
    enqueue(&q->head, &q->tail, p);
    unlock(&q->lock);
    await_turn(p);
}

void
qunlock(QLock *q)
{
    QLp *p;

    lock(&q->lock);
    p = dequeue(&q->head, &q->tail);
    if (p == nil)
        q->locked = 0;
    unlock(&q->lock);
    if (p != nil)
        give_turn(p);
}

int
canqlock(QLock *q)
{
    int got;

    lock(&q->lock);
    got = !q->locked;
    q->locked = 1;
    unlock(&q->lock);
    return got;
}

void
rlock(RWLock *q)
{
    QLp *p;

    lock(&q->lock);
    if (!q->writer && q->head == nil) {
        q->readers++;
        unlock(&q->lock);
        return;
    }
    p = getplace(Reading);
    enqueue(&q->head, &q->tail, p);
    unlock(&q->lock);
    await_turn(p);
}

int
canrlock(RWLock *q)
{
    int got;

    lock(&q->lock);
    got = !q->writer && q->head == nil;
    q->readers += got;
    unlock(&q->lock);
    return got;
}

void
runlock(RWLock *q)
{
    QLp *p = nil;

    lock(&q->lock);
    if (--q->readers == 0) {
        p = dequeue(&q->head, &q->tail); /* who waits first while there are readers, writes */
        q->writer = p != nil;
    }
    unlock(&q->lock);
    if (p != nil)
        give_turn(p);
}

void
wlock(RWLock *q)
{
    QLp *p;

    lock(&q->lock);
    if (!q->writer && q->readers == 0) {
        q->writer = 1;
        unlock(&q->lock);
        return;
    }
    p = getplace(Writing);
    enqueue(&q->head, &q->tail, p);
    unlock(&q->lock);
    await_turn(p);
}

int
canwlock(RWLock *q)
{
    int got;

    lock(&q->lock);
    got = !q->writer && q->readers == 0;
    if (got)
        q->writer = 1;
    unlock(&q->lock);
    return got;
}

void
wunlock(RWLock *q)
{
    QLp *p, *batch = nil, *batchtail = nil;

    lock(&q->lock);
    if (q->head != nil && q->head->state == Writing)
        enqueue(&batch, &batchtail, dequeue(&q->head, &q->tail)); /* stays locked, for it */
    else {
        q->writer = 0;
        while (q->head != nil && q->head->state == Reading) {
            p = dequeue(&q->head, &q->tail);
            p->next = nil;
            enqueue(&batch, &batchtail, p);
            q->readers++;
        }
    }
    if (batchtail != nil)
        batchtail->next = nil;
    unlock(&q->lock);
    while (batch != nil) {
        p = batch;
        batch = p->next;
        give_turn(p);
    }
}

/* r->l is held by the caller, and again on return. */
void
rsleep(Rendez *r)
{
    QLp *p;

    if (r->l == nil || !r->l->locked)
        abort();
    p = getplace(Sleeping);
    enqueue(&r->head, &r->tail, p);
    qunlock(r->l);
    await_turn(p);
    qlock(r->l);
}

int
rwakeup(Rendez *r)
{
    QLp *p;

    if (r->l == nil || !r->l->locked)
        abort();
    p = dequeue(&r->head, &r->tail);
    if (p == nil)
        return 0;
    give_turn(p);
    return 1;
}

int
rwakeupall(Rendez *r)
{
    int n = 0;

    while (rwakeup(r))
        n++;
    return n;
}
