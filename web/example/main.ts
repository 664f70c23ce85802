// SPDX-License-Identifier: Apache-2.0
// The smallest call: /example/?room=thursday&name=Ana. Everybody's picture in a row, one button to mute.
import { guestToken, openCamera, openMicrophone, Room } from '../sdk/index.ts';

const ask = new URLSearchParams(location.search);
const name = ask.get('room') ?? 'example';
const room = new Room({ room: name, token: await guestToken(name, ask.get('name') ?? 'Guest'), expect: 'governed' });

const [microphone, camera] = await Promise.all([openMicrophone(), openCamera()]);
await room.publish('microphone', microphone.track);
await room.publish('camera', camera.track);

const pictures = new Map<number, HTMLVideoElement>();
room.on('streams', () => {
  for (const member of room.state.members.keys()) {
    const stream = room.stream(member, 'camera');
    if (!stream) continue;
    const video = pictures.get(member) ?? document.body.appendChild(document.createElement('video'));
    Object.assign(video, { autoplay: true, muted: true, width: 320 });
    if (video.srcObject !== stream) video.srcObject = stream;
    pictures.set(member, video);
  }
});
room.on('member_left', ({ member }) => {
  pictures.get(member.member)?.remove();
  pictures.delete(member.member);
});
room.on('said', ({ said }) => console.log(`${said.name}: ${said.text}`));
room.on('closed', ({ closed }) => (document.title = `left: ${closed.reason}`));

const button = document.body.appendChild(document.createElement('button'));
button.textContent = 'Mute';
button.onclick = (): void => {
  const muted = button.textContent === 'Mute';
  room.mute('microphone', muted);
  button.textContent = muted ? 'Unmute' : 'Mute';
};
await room.enter();
