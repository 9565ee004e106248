/** The page: what is pressed, dropped or opened becomes a session that is spoken into or read. */
import { cancelSession, fetchSession, fetchTranscript, newId } from './api.js';
import { byId, setText } from './dom.js';
import { LiveSession } from './live-session.js';
import { NoMicrophone, openMicrophone } from './microphone.js';
import { Reader } from './reader.js';
import { RecentView } from './recent-view.js';
import { SessionView } from './session-view.js';
import { TranscriptView } from './transcript-view.js';
import { UploadsView } from './uploads-view.js';
import { isOver, liveStatus, readStatus, storedWords } from './words.js';

/** Speech that leaving the page would lose. */
const WORTH_ASKING_MS = 2000;

const session = new SessionView();
const transcript = new TranscriptView();
const recent = new RecentView().start();

/** The session on the sheet. */
let id = '';
/** @type {LiveSession | null} */
let live = null;
/** @type {Reader | null} */
let reader = null;
/** @type {(() => Promise<void>) | null} */
let closeMicrophone = null;
let isAsking = false;

byId('speak').addEventListener('click', () => void (live === null ? speak(newId()) : finish()));
byId('go-on').addEventListener('click', () => void speak(id));
byId('finish').addEventListener('click', () => void finish());
byId('cancel').addEventListener('click', () => void cancel());
window.addEventListener('hashchange', () => openFromAddress());
window.addEventListener('online', () => live?.retryNow());
window.addEventListener('beforeunload', (event) => {
  if (live !== null && live.snapshot.outcome === null && live.snapshot.unsavedMs > WORTH_ASKING_MS)
    event.preventDefault();
});
document.addEventListener('click', stayWhileSpeaking);
new UploadsView((uploaded, isOnly) => {
  void recent.refresh();
  if (isOnly && live === null) goTo(uploaded);
}).start();
openFromAddress();

/** A click on another session must not cut off who speaks. @param {MouseEvent} event */
function stayWhileSpeaking(event) {
  const link = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
  if (link === null || live === null || link.getAttribute('href') === location.hash) return;
  event.preventDefault();
  notify('Finish speaking first; then the other session can be opened.');
}

function openFromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)).get('session') ?? '';
  if (asked === id) return;
  leave();
  read(asked);
}

/** @param {string} next */
function goTo(next) {
  if (next === id) return;
  location.hash = `session=${next}`;
}

/** Puts a session on the sheet. @param {string} next empty: none */
function open(next) {
  leave();
  if (next === id) return;
  id = next;
  transcript.clear();
  session.show(id === '' ? null : id);
  recent.mark(id);
}

function leave() {
  reader?.stop();
  reader = null;
  const left = live;
  live = null;
  left?.leave();
  void stopMicrophone();
  showSpeaking();
}

/** @param {string} next */
function read(next) {
  open(next);
  if (id === '') return;
  session.status({ tone: 'busy', headline: 'Looking', detail: '' });
  reader = new Reader({
    id,
    fetchSession,
    fetchTranscript,
    session: showRead,
    segments: showSegments,
    fault: showFault,
  });
  reader.start();
}

/** @param {import('./api.js').Session} found */
function showRead(found) {
  const over = isOver(found.state);
  session.status(readStatus(found));
  session.stored(
    found.kind === 'live' && !over ? `${found.segments} ${found.segments === 1 ? 'piece' : 'pieces'} stored` : '',
  );
  session.progress(found.kind === 'file' && !over ? (found.progress ?? 0) : null);
  session.downloads(over && found.state !== 'failed' ? found.id : null);
  if (over) session.actions([]);
  else session.actions(found.kind === 'file' ? ['cancel'] : ['go-on', 'finish']);
  if (found.segments === 0) transcript.empty(over && found.state === 'completed' ? 'No words were heard.' : '');
  if (over) void recent.refresh();
}

/** @param {readonly import('./api.js').Segment[]} segments */
function showSegments(segments) {
  transcript.show(segments);
}

/** @param {string} message @param {boolean} isFinal */
function showFault(message, isFinal) {
  const detail = `${message.charAt(0).toUpperCase()}${message.slice(1)}${isFinal ? '.' : '. Trying again.'}`;
  session.status({ tone: 'bad', headline: isFinal ? 'Not to be read' : 'Reconnecting', detail });
}

/** Opens the microphone first: what is said before the server answers is kept. @param {string} into */
async function speak(into) {
  if (isAsking) return;
  isAsking = true;
  notify('');
  showSpeaking();
  try {
    const close = await openMicrophone({ audio: heard, gone: microphoneGone });
    if (live === null || into !== id) connect(into);
    closeMicrophone = close;
  } catch (error) {
    notify(error instanceof NoMicrophone ? error.message : 'The microphone cannot be opened.');
    if (!(error instanceof NoMicrophone)) throw error;
  } finally {
    isAsking = false;
    showSpeaking();
  }
}

/** Connects to a session, a new one or one that is gone on with. @param {string} into */
function connect(into) {
  open(into);
  history.pushState(null, '', `#session=${into}`);
  transcript.empty('Listening.');
  live = new LiveSession({
    url: location.origin.replace(/^http/, 'ws'),
    id: into,
    index: transcript.count,
    connect: (url) => new WebSocket(url),
    changed: showLive,
    final: (final) => transcript.add(final),
    partial: (text) => transcript.partial(text),
  }).start();
  showLive(live.snapshot);
  showSpeaking();
}

/** @param {Uint8Array} audio @param {number} peak */
function heard(audio, peak) {
  if (live === null) return;
  session.level(peak);
  if (live.send(audio)) return;
  notify('No more speech is taken: too much of it waits to be sent. It is sent as soon as the connection is back.');
  void stopMicrophone();
}

function microphoneGone() {
  notify('The microphone has gone.');
  void stopMicrophone();
}

async function stopMicrophone() {
  const close = closeMicrophone;
  closeMicrophone = null;
  session.level(null);
  await close?.();
  session.level(null);
  showSpeaking();
}

/** The last samples are sent before the end is said. */
async function finish() {
  if (live === null) connect(id);
  const ending = live;
  await stopMicrophone();
  ending?.end();
}

async function cancel() {
  await cancelSession(id).catch((/** @type {Error} */ error) => notify(error.message));
}

/** @param {import('./live-session.js').Snapshot} snapshot */
function showLive(snapshot) {
  if (live === null || snapshot.id !== id) return;
  session.status(liveStatus(snapshot));
  session.stored(storedWords(snapshot));
  session.actions(
    snapshot.outcome === null && !snapshot.isEnding && closeMicrophone === null && !isAsking ? ['go-on', 'finish'] : [],
  );
  if (snapshot.outcome !== null) ended(live, snapshot.outcome);
}

/** @param {LiveSession} over @param {NonNullable<import('./live-session.js').Snapshot['outcome']>} outcome */
function ended(over, outcome) {
  live = null;
  void stopMicrophone();
  void recent.refresh();
  session.unsaved(over.unsaved);
  if (outcome.kind === 'done') {
    session.downloads(id);
    transcript.empty('No words were heard.');
  }
  if (outcome.kind === 'superseded') {
    notify('Another window has taken this session over: here it is read on.');
    read(id);
  }
}

function showSpeaking() {
  const button = /** @type {HTMLButtonElement} */ (byId('speak'));
  const isOpen = live !== null;
  const isEnding = live?.snapshot.isEnding === true;
  button.disabled = isAsking || isEnding;
  button.classList.toggle('recording', closeMicrophone !== null);
  const mark = button.firstElementChild;
  const label = isEnding ? 'Finishing' : isOpen ? 'Finish' : isAsking ? 'Asking for the microphone' : 'Speak';
  if (mark !== null && button.textContent !== label) button.replaceChildren(mark, label);
  document.title = closeMicrophone === null ? 'Longhand' : '● Longhand';
}

/** @param {string} text */
function notify(text) {
  const notice = byId('notice');
  notice.hidden = text === '';
  setText(notice, text);
}
