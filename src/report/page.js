// Makes the page's timeline one to zoom and click. All that it shows stands in the page as text, too: without this script
// nothing is missing but comfort. Text of users goes into the page by textContent alone.
'use strict';
(() => {
  document.documentElement.classList.add('scripted');
  const data = JSON.parse(document.getElementById('data').textContent);
  const byId = (id) => document.getElementById(id);
  const list = (value) => (Array.isArray(value) ? value : []);
  const make = (tag, text) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // ---- how things are told ------------------------------------------------------------------------------------------

  const two = (n) => String(n).padStart(2, '0');
  const duration = (s) => {
    if (!(s >= 0)) return '–';
    if (s < 0.95) return `${+s.toPrecision(3)} s`;
    if (s < 9.95) return `${s.toFixed(1)}s`;
    const whole = Math.round(s);
    if (whole < 60) return `${whole}s`;
    if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
    if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
    return `${Math.floor(whole / 86400)}d ${two(Math.floor((whole % 86400) / 3600))}h`;
  };
  const clock = (s) => {
    const whole = Math.floor(s + 1e-6);
    const days = whole >= 86400 ? `${Math.floor(whole / 86400)}d ` : '';
    const fraction = s - whole > 0.0005 ? (s - whole).toFixed(3).slice(1).replace(/0+$/, '') : '';
    return `${days}${Math.floor((whole % 86400) / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}${fraction}`;
  };
  const lives = list(data.run && data.run.lives);
  // The wall clock where the run was, for a run second.
  const wallClock = (t) => {
    const life = lives.filter((one) => one.begin_s <= t + 1e-6).pop();
    const began = life && Date.parse(life.began);
    if (!life || Number.isNaN(began)) return '';
    const zone = /([+-])(\d\d):?(\d\d)$/.exec(life.began);
    const offset = zone ? (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) : 0;
    return new Date(began + (t - life.begin_s) * 1000 + offset * 60000).toISOString().slice(0, 19).replace('T', ' ');
  };

  // ---- what was run -------------------------------------------------------------------------------------------------

  const nodes = list(data.nodes);
  const lanes = list(data.lanes);
  const outcomes = list(data.outcomes);
  const names = list(data.step_names);
  const bars = data.bars || {};
  const barCount = list(bars.lane).length;
  const laneName = (i) => {
    const lane = lanes[i] || {};
    return `${(nodes[lane.node] || {}).host || '?'} slot ${lane.slot}`;
  };
  const outcomeName = (i) => String(outcomes[bars.outcome[i]] || 'unknown').replaceAll('_', ' ');
  const letters = { exit_code: 'E', signal: 'S', timed_out: 'T', could_not_start: 'N', output_missing: 'M', lost_with_worker: 'L',
    cut_off: 'C' };
  const isFailure = (i) => letters[outcomes[bars.outcome[i]]] !== undefined;
  const stepOf = (i) => (bars.step[i] >= 0 ? names[bars.step[i]] : undefined);
  let end = 1;
  for (let i = 0; i < barCount; ++i) end = Math.max(end, bars.end[i]);
  for (const life of lives) end = Math.max(end, life.end_s || 0);

  // ---- one step -----------------------------------------------------------------------------------------------------

  const told = new Map();
  for (const element of document.querySelectorAll('details.step')) told.set(element.dataset.name, element);
  const panel = byId('panel');
  let cameFrom = null;

  const table = (heads, rows) => {
    const element = make('table');
    const head = element.createTHead().insertRow();
    for (const one of heads) head.append(make('th', one));
    const body = element.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      for (const cell of row) line.append(make('td', cell));
    }
    const box = make('div');
    box.className = 'scroll';
    box.append(element);
    return box;
  };

  const barRow = (i) => [laneName(bars.lane[i]), outcomeName(i), clock(bars.begin[i]), wallClock(bars.begin[i]),
    duration(bars.end[i] - bars.begin[i])];
  const barHeads = ['Slot', 'Outcome', 'Began at', 'Clock', 'Took'];

  const storyOf = (name) => {
    const story = document.createDocumentFragment();
    const detail = told.get(name);
    if (detail) {
      for (const child of detail.children) if (child.tagName !== 'SUMMARY') story.append(child.cloneNode(true));
      return story;
    }
    const index = names.indexOf(name);
    const rows = [];
    for (let i = 0; i < barCount && rows.length < 100; ++i) if (bars.step[i] === index) rows.push([String(bars.attempt[i]), ...barRow(i)]);
    story.append(table(['Attempt', ...barHeads], rows));
    const run = (data.run && data.run.name) || 'RUN';
    story.append(make('p', `Its command and output are not in this page. gradus logs ${run} ${name} prints its output.`));
    return story;
  };

  const open = (title, body) => {
    cameFrom = document.activeElement;
    byId('panel-name').textContent = title;
    panel.querySelector('.body').replaceChildren(body);
    panel.hidden = false;
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: 'nearest' });
  };
  const close = () => {
    panel.hidden = true;
    if (cameFrom && cameFrom.focus) cameFrom.focus({ preventScroll: true });
  };
  const showStep = (name) => open(`Step ${name}`, storyOf(name));
  const showBar = (i) => {
    const name = stepOf(i);
    if (name !== undefined) showStep(name);
    else open(`${bars.count[i]} short attempts, drawn as one`, table(barHeads, [barRow(i)]));
  };

  const findStep = (text) => {
    const exact = told.has(text) || names.includes(text);
    return exact ? text : [...told.keys(), ...names].find((name) => String(name).startsWith(text));
  };

  // ---- drawing ------------------------------------------------------------------------------------------------------

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || '#888';
  let colours = {};
  const learnColours = () => {
    colours = {};
    for (const name of ['page', 'text', 'quiet', 'line', 'grid', 'band', 'link', 'mark', 'gpu', 'cpu', 'raised', 'unknown', ...outcomes]) {
      colours[name] = colour(name);
    }
  };
  const ms = (s) => s * 1000;  // the library's time axis has nice ticks; its epoch is the run's beginning
  const isNarrow = () => document.documentElement.clientWidth < 600;

  // A slot has no more work after these, until its life ends.
  const deadTimes = () => {
    const all = [];
    for (const mark of list(data.marks)) {
      if (mark.kind !== 'quarantine' && mark.kind !== 'lost') continue;
      const life = lives.find((one) => one.begin_s <= mark.t_s && mark.t_s <= one.end_s);
      for (const lane of list(mark.lanes)) all.push([ms(mark.t_s), ms(life ? life.end_s : end), lane, mark.kind]);
    }
    return all;
  };

  const clipped = (params, x, y, width, height) =>
    echarts.graphic.clipRectByRect({ x, y, width, height }, params.coordSys);

  const drawBar = (params, api) => {
    const i = api.value(3);
    const from = api.coord([api.value(0), api.value(2)]);
    const to = api.coord([api.value(1), api.value(2)]);
    const failed = isFailure(i);
    const lane = api.size([0, 1])[1];
    const height = Math.max(1, lane * (failed ? 0.95 : 0.62));
    const width = Math.max(failed ? 2 : 0.8, to[0] - from[0] - (to[0] - from[0] > 4 ? 1 : 0));
    const shape = clipped(params, from[0], from[1] - height / 2, width, height);
    if (!shape) return undefined;
    const key = outcomes[bars.outcome[i]];
    const bar = { type: 'rect', shape, style: { fill: colours[key] || colours.unknown } };
    if (!failed || shape.width < 9 || height < 9) return bar;
    const letter = { type: 'text', silent: true,
      style: { text: letters[key], x: shape.x + shape.width / 2, y: from[1], align: 'center', verticalAlign: 'middle',
        font: `700 ${Math.min(12, height - 1)}px monospace`, fill: colours.page } };
    return { type: 'group', children: [bar, letter] };
  };

  const drawNode = (params, api) => {
    const lane = api.size([0, 1])[1];
    const top = api.coord([0, api.value(0)])[1] - lane / 2;
    const bottom = api.coord([0, api.value(1)])[1] + lane / 2;
    const area = params.coordSys;
    const shape = clipped(params, area.x, top, area.width, bottom - top);
    if (!shape) return undefined;
    const children = [];
    if (api.value(2) % 2 === 0) children.push({ type: 'rect', shape, style: { fill: colours.band } });
    if (top >= area.y - 1) {
      children.push({ type: 'line', shape: { x1: 0, x2: area.x + area.width, y1: top, y2: top }, style: { stroke: colours.line } });
    }
    return { type: 'group', silent: true, children };
  };

  const drawDead = (params, api) => {
    const lane = api.size([0, 1])[1];
    const from = api.coord([api.value(0), api.value(2)]);
    const to = api.coord([api.value(1), api.value(2)]);
    const shape = clipped(params, from[0], from[1] - lane * 0.31, Math.max(1, to[0] - from[0]), lane * 0.62);
    if (!shape) return undefined;
    return { type: 'rect', silent: true, shape,
      style: { fill: 'transparent', stroke: colours.quiet, lineWidth: 0.5,
        decal: { symbol: 'line', dashArrayX: [1, 0], dashArrayY: [1, 4], rotation: -Math.PI / 4, color: colours.quiet } } };
  };

  const tipOf = (params) => {
    const tip = make('div');
    tip.className = 'tip';
    if (params.seriesId === 'bars') {
      const i = params.value[3];
      tip.append(make('b', stepOf(i) ?? `${bars.count[i]} short attempts`));
      const attempt = bars.step[i] >= 0 && bars.attempt[i] > 1 ? `, attempt ${bars.attempt[i]}` : '';
      tip.append(make('div', `${outcomeName(i)}${attempt}, ${duration(bars.end[i] - bars.begin[i])}`));
      const gpus = list((lanes[bars.lane[i]] || {}).gpus).join(' ');
      tip.append(make('div', `${laneName(bars.lane[i])}${gpus ? `, ${gpus}` : ''}`));
      tip.append(make('div', `${clock(bars.begin[i])} to ${clock(bars.end[i])} · ${wallClock(bars.begin[i])}`));
    } else if (params.data && params.data.told) {
      tip.append(make('b', params.data.kind), make('div', params.data.told), make('div', clock(params.data.t)));
    }
    return tip;
  };

  const pointMarks = () => list(data.marks).filter((one) => one.kind === 'quarantine' || one.kind === 'lost').flatMap((one) =>
    list(one.lanes).map((lane) => ({ value: [ms(one.t_s), lane], kind: one.kind, told: one.text, t: one.t_s,
      symbol: one.kind === 'lost' ? 'path://M0 2L2 0L5 3L8 0L10 2L7 5L10 8L8 10L5 7L2 10L0 8L3 5Z' : 'diamond' })));
  const lineMarks = () => list(data.marks).filter((one) => one.kind === 'life' || one.kind === 'stop').map((one) => ({
    xAxis: ms(one.t_s), kind: one.kind, told: one.text, t: one.t_s,
    lineStyle: { type: one.kind === 'stop' ? 'dashed' : 'solid' }, label: { formatter: one.kind, position: 'start', distance: one.kind === 'stop' ? [0, 14] : [0, 2] } }));

  const nodeBands = () => {
    const bands = [];
    lanes.forEach((lane, i) => {
      const last = bands[bands.length - 1];
      if (last && last.node === lane.node) last.value[1] = i;
      else bands.push({ node: lane.node, value: [i, i, bands.length] });
    });
    for (const band of bands) middleOf.set(band.node, Math.floor((band.value[0] + band.value[1]) / 2));
    return bands;
  };

  const marginLeft = () => (isNarrow() ? 72 : 132);
  // On a phone hosts go without the words that all their names begin with.
  const sharedWords = (() => {
    const hosts = nodes.map((node) => String(node.host));
    if (hosts.length < 2) return 0;
    let same = 0;
    while (same < hosts[0].length && hosts.every((host) => host[same] === hosts[0][same])) ++same;
    return hosts[0].slice(0, same).search(/[-._][^-._]*$/) + 1;
  })();
  const shortHost = (node) => {
    const host = String((nodes[node] || {}).host || '?');
    if (!isNarrow()) return host;
    const rest = host.slice(sharedWords);
    return rest.length > 7 ? `…${rest.slice(-6)}` : rest;
  };
  // Where lanes are too thin for a label each, the middle one of a node has its name.
  let laneHeight = 18;
  const middleOf = new Map();
  const isLabelled = (i) => {
    if (laneHeight >= 12) return true;
    const lane = lanes[i] || {};
    const every = Math.ceil(14 / (laneHeight * Math.max(1, lanes.length / Math.max(1, nodes.length))));
    return middleOf.get(lane.node) === i && lane.node % every === 0;
  };
  const laneLabel = (i) => {
    const lane = lanes[i] || {};
    if (laneHeight < 12) return shortHost(lane.node);
    return isNarrow() ? `${shortHost(lane.node)} ${lane.slot}` : laneName(i);
  };
  const timeAxis = (more) => ({
    type: 'time', min: 0, max: ms(end), axisLabel: { color: colours.quiet, hideOverlap: true, formatter: (t) => clock(t / 1000) },
    axisLine: { lineStyle: { color: colours.line } }, splitLine: { show: true, lineStyle: { color: colours.grid } },
    splitNumber: isNarrow() ? 3 : 8, ...more });
  const sliderLook = () => ({ borderColor: colours.line, fillerColor: 'rgba(120,140,160,0.25)', backgroundColor: 'transparent',
    textStyle: { color: colours.quiet }, handleStyle: { color: colours.page, borderColor: colours.quiet },
    moveHandleStyle: { color: colours.quiet }, dataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } },
    selectedDataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } }, emphasis: { handleStyle: { borderColor: colours.text } } });
  const tooltipLook = () => ({ backgroundColor: colours.page, borderColor: colours.quiet, textStyle: { color: colours.text, fontSize: 13 },
    confine: true, transitionDuration: 0 });

  const timelineHeight = () => Math.min(Math.max(lanes.length * 18, 120), 620) + 100;

  const timelineOption = (rows) => ({
    useUTC: true, animation: false, backgroundColor: 'transparent',
    aria: { enabled: true, label: { description: `Timeline of ${(data.counts || {}).attempts ?? barCount} attempts on ${lanes.length} slots; the tables below tell the same.` } },
    tooltip: { trigger: 'item', formatter: tipOf, ...tooltipLook() },
    grid: { left: marginLeft(), right: 34, top: 32, bottom: 68 },
    xAxis: timeAxis({}),
    yAxis: { type: 'category', inverse: true, data: lanes.map((_, i) => i), axisTick: { show: false },
      axisLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.text, interval: isLabelled, formatter: (i) => laneLabel(Number(i)), fontSize: 11 } },
    dataZoom: [
      { id: 'time', type: 'inside', xAxisIndex: 0, filterMode: 'weakFilter', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true, preventDefaultMouseMove: false },
      { id: 'time-slider', type: 'slider', xAxisIndex: 0, filterMode: 'weakFilter', bottom: 10, height: 24, labelFormatter: (t) => clock(t / 1000), ...sliderLook() },
      { id: 'lanes', type: 'inside', yAxisIndex: 0, filterMode: 'weakFilter', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: true, preventDefaultMouseMove: false },
      { id: 'lanes-slider', type: 'slider', yAxisIndex: 0, filterMode: 'weakFilter', right: 6, width: 18, showDetail: false, brushSelect: false, ...sliderLook() },
    ],
    series: [
      { id: 'nodes', type: 'custom', renderItem: drawNode, data: nodeBands(), encode: { y: [0, 1], x: -1 }, silent: true, z: 1, tooltip: { show: false } },
      { id: 'dead', type: 'custom', renderItem: drawDead, data: deadTimes(), encode: { x: [0, 1], y: 2 }, silent: true, z: 2, tooltip: { show: false } },
      { id: 'bars', type: 'custom', renderItem: drawBar, data: rows, encode: { x: [0, 1], y: 2 }, z: 3, progressive: 4000, progressiveThreshold: 8000,
        markLine: { symbol: 'none', animation: false, silent: false, data: lineMarks(), label: { color: colours.text, fontSize: 11 },
          lineStyle: { color: colours.mark, width: 1.5 } } },
      { id: 'marks', type: 'scatter', data: pointMarks(), symbolSize: 13, z: 5, itemStyle: { color: colours.mark, borderColor: colours.page, borderWidth: 1.5 } },
    ],
  });

  const useSeries = (name, values, tint, type) => ({ name, type: 'line', step: 'end', symbol: 'none', lineStyle: { width: 2, color: tint, type },
    itemStyle: { color: tint }, areaStyle: { color: tint, opacity: type === 'solid' ? 0.15 : 0 },
    data: list(data.use.t_s).map((t, i) => [ms(t), values[i] ?? null]).concat([[ms(end), values[values.length - 1] ?? null]]) });
  const useOption = () => {
    const series = [];
    const has = (values) => list(values).some((one) => one !== null);
    if (has(data.use.gpu)) series.push({ ...useSeries('GPU slots', data.use.gpu, colours.gpu, 'solid'), id: 'gpu' });
    if (has(data.use.cpu)) series.push({ ...useSeries('CPU slots', data.use.cpu, colours.cpu, 'dashed'), id: 'cpu' });
    return {
      useUTC: true, animation: false, backgroundColor: 'transparent', aria: { enabled: true },
      legend: { top: 0, textStyle: { color: colours.text }, itemStyle: { opacity: 0 }, lineStyle: { width: 2 } },
      tooltip: { trigger: 'axis', ...tooltipLook(), formatter: (all) => {
        const tip = make('div');
        tip.append(make('b', clock(all[0].value[0] / 1000)));
        for (const one of all) {
          const busy = one.value[1] === null ? '–' : `${Math.round(one.value[1] * 100)} %`;
          tip.append(make('div', `${one.seriesName}: ${busy} busy`));
        }
        return tip;
      } },
      grid: { left: marginLeft(), right: 34, top: 34, bottom: 28 },
      xAxis: timeAxis({}),
      yAxis: { type: 'value', min: 0, max: 1, interval: 0.25, axisLabel: { color: colours.quiet, formatter: (v) => `${Math.round(v * 100)} %` },
        splitLine: { lineStyle: { color: colours.grid } } },
      dataZoom: [{ id: 'time', type: 'inside', xAxisIndex: 0, filterMode: 'none', zoomOnMouseWheel: 'ctrl', preventDefaultMouseMove: false }],
      series,
    };
  };

  // ---- together -----------------------------------------------------------------------------------------------------

  const startCharts = () => {
    document.documentElement.classList.add('drawn');
    learnColours();
    const rows = [];
    for (let i = 0; i < barCount; ++i) rows.push([ms(bars.begin[i]), ms(bars.end[i]), bars.lane[i], i]);
    const box = byId('timeline-chart');
    box.style.height = `${timelineHeight()}px`;
    const timeline = echarts.init(box, null, { renderer: 'canvas' });
    const hasUse = data.use && list(data.use.t_s).length > 0;
    const use = hasUse ? echarts.init(byId('use-chart'), null, { renderer: 'canvas' }) : null;
    if (!hasUse) byId('use-chart').hidden = true;
    const range = { start: 0, end: 100 };

    const learnLaneHeight = (zoom) => {
      laneHeight = (timelineHeight() - 100) / Math.max(1, lanes.length * (zoom ? (zoom.end - zoom.start) / 100 : 1));
    };
    const draw = () => {
      timeline.setOption(timelineOption(rows));
      if (use) use.setOption(useOption());
    };
    const shownRange = document.querySelector('.controls .range');
    const tellRange = () => {
      const exact = (range.end - range.start) / 100 * end < 10;  // seconds
      const told = (share) => clock(exact ? end * share / 100 : Math.round(end * share / 100));
      shownRange.textContent = `${told(range.start)} to ${told(range.end)}`;
      box.dataset.range = `${range.start.toFixed(2)} ${range.end.toFixed(2)}`;
    };
    const follow = (from, to) => {
      const zoom = from.getOption().dataZoom[0];
      if (Math.abs(zoom.start - range.start) < 1e-6 && Math.abs(zoom.end - range.end) < 1e-6) return;
      range.start = zoom.start;
      range.end = zoom.end;
      tellRange();
      if (to) to.dispatchAction({ type: 'dataZoom', dataZoomIndex: 0, start: range.start, end: range.end });
    };
    const zoomTo = (start, stop) => {
      const width = Math.min(100, Math.max(0.01, stop - start));
      const from = Math.min(Math.max(0, start), 100 - width);
      timeline.dispatchAction({ type: 'dataZoom', dataZoomIndex: 0, start: from, end: from + width });
    };
    const act = (what) => {
      const width = range.end - range.start, middle = (range.start + range.end) / 2;
      if (what === 'in') zoomTo(middle - width / 4, middle + width / 4);
      if (what === 'out') zoomTo(middle - width, middle + width);
      if (what === 'left') zoomTo(range.start - width / 3, range.end - width / 3);
      if (what === 'right') zoomTo(range.start + width / 3, range.end + width / 3);
      if (what === 'all') {
        zoomTo(0, 100);
        timeline.dispatchAction({ type: 'dataZoom', dataZoomIndex: 2, start: 0, end: 100 });
      }
    };

    learnLaneHeight();
    draw();
    tellRange();
    timeline.on('dataZoom', () => {
      const before = laneHeight;
      learnLaneHeight(timeline.getOption().dataZoom[2]);
      if ((before < 12) !== (laneHeight < 12)) timeline.setOption({ yAxis: { axisLabel: { interval: isLabelled } } });
      follow(timeline, use);
    });
    if (use) use.on('dataZoom', () => follow(use, timeline));
    timeline.on('click', (event) => { if (event.seriesId === 'bars' && event.componentType === 'series') showBar(event.value[3]); });
    for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', () => act(button.dataset.do));
    const keys = { '+': 'in', '=': 'in', '-': 'out', ArrowLeft: 'left', ArrowRight: 'right', 0: 'all' };
    box.addEventListener('keydown', (event) => {
      if (keys[event.key] === undefined || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      act(keys[event.key]);
    });
    document.querySelector('.find').addEventListener('submit', (event) => {
      event.preventDefault();
      const wanted = byId('find').value.trim();
      const name = wanted === '' ? undefined : findStep(wanted);
      if (name !== undefined) showStep(name);
      else if (wanted !== '') open('No such step', make('p', `No step of this page has a name that begins with ${wanted}.`));
    });
    panel.querySelector('.close').addEventListener('click', close);
    document.addEventListener('keydown', (event) => { if (event.key === 'Escape' && !panel.hidden) close(); });
    document.addEventListener('click', (event) => {
      const link = event.target.closest && event.target.closest('a[data-step]');
      if (!link) return;
      event.preventDefault();
      showStep(link.dataset.step);
    });
    let width = box.clientWidth;
    window.addEventListener('resize', () => {
      if (box.clientWidth === width || box.clientWidth < 50) return;  // the same, or not to be seen now
      width = box.clientWidth;
      for (const chart of use ? [timeline, use] : [timeline]) {
        chart.dispatchAction({ type: 'hideTip' });
        chart.resize();
      }
      draw();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { learnColours(); draw(); });
    // For those who test the page: where a bar is, in pixels of the chart.
    box.placeOf = (i) => timeline.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [ms((bars.begin[i] + bars.end[i]) / 2), bars.lane[i]]);
  };

  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      const source = byId(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(source);  // a page opened from a file may not be allowed to: then by hand
        button.textContent = 'Selected';
      }
    });
  }
  // A link to a step opens its story, where it stands.
  const openTarget = () => {
    const target = location.hash.startsWith('#step-') && byId(location.hash.slice(1));
    for (let one = target; one; one = one.parentElement) if (one.tagName === 'DETAILS') one.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener('hashchange', openTarget);
  openTarget();
  if (globalThis.echarts && lanes.length > 0) startCharts();
})();
