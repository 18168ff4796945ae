import type { Session, SessionEvents } from '@d3/client';

/** What a session last said of its plan and tiers. */
export interface SessionNews {
  /** The live plan's number: changes whenever its report does. */
  readonly epoch: number;
  /** The last switch; absent while the first plan is live. */
  readonly plan?: SessionEvents['plan'];
  /** A better plan that is not taken, since the last switch. */
  readonly considered?: SessionEvents['considered'];
  /** What was lost since the last switch. */
  readonly lost?: SessionEvents['lost'];
}

/** Who hears of a session. */
export interface NewsListener {
  /** Something happened to the plan or the tiers. */
  readonly onNews: (news: SessionNews) => void;
  /** The session is over; nothing follows. */
  readonly onClosed: (reason: string) => void;
}

/** A session that is followed. */
export interface Following {
  /** What is known at first. */
  readonly news: SessionNews;
  /** Ends it. */
  readonly stop: () => void;
}

/** Follows a session's events. */
export function followSession(session: Session, { onNews, onClosed }: NewsListener): Following {
  const first: SessionNews = { epoch: session.epoch };
  let news = first;
  const tell = (next: SessionNews) => {
    news = next;
    onNews(news);
  };
  const stops = [
    session.on('plan', (plan) => tell({ epoch: plan.epoch, plan })),
    session.on('considered', (considered) => tell({ ...news, considered })),
    session.on('lost', (lost) => tell({ ...news, lost })),
    session.on('closed', ({ reason }) => {
      stop();
      onClosed(reason);
    }),
  ];
  const stop = () => {
    for (const end of stops) end();
  };
  return { news: first, stop };
}
